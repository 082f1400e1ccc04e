import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import no.ks.fiks.io.asice.AsicHandler;
import no.ks.fiks.io.asice.model.Content;
import no.ks.fiks.io.asice.model.KeystoreHolder;
import no.ks.fiks.io.asice.model.StreamContent;
import no.ks.fiks.maskinporten.Maskinportenklient;
import no.ks.fiks.maskinporten.MaskinportenklientProperties;
import no.ks.kryptering.CMSKrypteringImpl;

/**
 * Does on the wire what KS's producer client does (specification §16), with the very
 * libraries that it is made of: its own jar is not to be had from Maven Central. What
 * differs between its two generations is in Rest, one for javax and one for jakarta.
 *
 * <p>Reads a command of JSON on each line and answers with one. The argument is a file:
 * {baseUrl, tokenEndpoint, audience, key, certificate, fiksOrgId, integrasjonId, integrasjonPassord}.
 */
public final class Produsent {
    static final ObjectMapper JSON = new ObjectMapper();
    static final String PASSORD = "hemmelig";

    /** What a bydel is to the client: no other member may come. */
    public static final class Bydel {
        public String bydelsnummer;
        public String bydelsnavn;
        public boolean standardMottaker;
    }

    public static final class Nokkel {
        public String nokkel;
        public LocalDateTime validFrom;
        public LocalDateTime validTo;
        public String serial;
        public String subjectDN;
        public String issuerDN;

        X509Certificate sertifikat() throws Exception {
            return (X509Certificate) CertificateFactory.getInstance("X509").generateCertificate(new ByteArrayInputStream(nokkel.getBytes()));
        }

        Map<String, Object> vis() throws Exception {
            Map<String, Object> ut = new LinkedHashMap<>();
            ut.put("nokkel", nokkel);
            ut.put("validFrom", validFrom.toString());
            ut.put("validTo", validTo.toString());
            ut.put("serial", serial);
            ut.put("subjectDN", subjectDN);
            ut.put("issuerDN", issuerDN);
            ut.put("sertifikat", Base64.getEncoder().encodeToString(sertifikat().getEncoded()));
            return ut;
        }
    }

    public static final class Nokler {
        public Nokkel printOffentligNokkel;
        public Nokkel fiksIOOffentligNokkel;
    }

    public static final class Kvittering {
        public UUID uuid;
    }

    public static final class Hendelse {
        public UUID bekymringsmeldingId;
        public LocalDateTime tidspunkt;
        public String tilstand;
        public String beskrivelse;
    }

    private final JsonNode oppdrag;
    private Rest rest;
    private final Maskinportenklient maskinporten;
    private final AsicHandler asice;
    private final String org;

    private Produsent(JsonNode o) throws Exception {
        oppdrag = o;
        PrivateKey nokkel = nokkel(Paths.get(tekst(o, "key")));
        X509Certificate sertifikat;
        try (InputStream in = Files.newInputStream(Paths.get(tekst(o, "certificate")))) {
            sertifikat = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
        maskinporten = new Maskinportenklient(nokkel, sertifikat, MaskinportenklientProperties.builder().audience(tekst(o, "audience"))
            .tokenEndpoint(tekst(o, "tokenEndpoint")).issuer("produsent").numberOfSecondsLeftBeforeExpire(10).build());
        org = tekst(o, "fiksOrgId");
        mot(tekst(o, "baseUrl"), false);
        KeyStore lager = KeyStore.getInstance("PKCS12");
        lager.load(null, null);
        lager.setKeyEntry("virksomhet", nokkel, PASSORD.toCharArray(), new Certificate[] {sertifikat});
        ExecutorService traader = Executors.newFixedThreadPool(4, r -> {
            Thread t = new Thread(r);
            t.setDaemon(true);
            return t;
        });
        asice = AsicHandler.builder().withExecutorService(traader).withPrivatNokkel(nokkel).withKeyStoreHolder(KeystoreHolder.builder()
            .withKeyStore(lager).withKeyStorePassword(PASSORD).withKeyAlias("virksomhet").withKeyPassword(PASSORD).build()).build();
    }

    private void mot(String baseUrl, boolean iBolker) {
        rest = new Rest(baseUrl, tekst(oppdrag, "integrasjonId"), tekst(oppdrag, "integrasjonPassord"), iBolker);
    }

    public static void main(String[] args) throws Exception {
        Produsent p = new Produsent(JSON.readTree(Paths.get(args[0]).toFile()));
        BufferedReader inn = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream ut = new PrintStream(System.out, true, "UTF-8");
        for (String linje; (linje = inn.readLine()) != null; ) {
            Map<String, Object> svar = new LinkedHashMap<>();
            try {
                p.gjor(JSON.readTree(linje), svar);
            } catch (Exception e) {
                svar.clear();
                StringBuilder feil = new StringBuilder();
                for (Throwable t = e; t != null; t = t.getCause()) {
                    feil.append(t).append(" | ");
                }
                svar.put("feil", feil.toString());
            }
            ut.println(JSON.writeValueAsString(svar));
        }
        System.exit(0); // the libraries leave threads behind
    }

    private void gjor(JsonNode c, Map<String, Object> svar) throws Exception {
        String versjon = c.has("versjon") ? tekst(c, "versjon") : "v1";
        String kommune = tekst(c, "kommunenummer");
        switch (tekst(c, "gjor")) {
            case "mot": // another server from now on
                mot(tekst(c, "baseUrl"), tekst(c, "iBolker").equals("ja"));
                break;
            case "bydeler":
                svar.put("bydeler", rest.bydeler(token(), versjon, kommune));
                break;
            case "nokler":
                Nokler n = rest.nokler(token(), versjon, kommune, tekst(c, "bydelsnummer"));
                svar.put("print", n.printOffentligNokkel.vis());
                svar.put("fiksIO", n.fiksIOOffentligNokkel.vis());
                break;
            case "krypterOgSend":
                svar.put("uuid", krypterOgSend(c, versjon, kommune));
                break;
            case "send": // parts that are encrypted already
                try (InputStream pdf = Files.newInputStream(Paths.get(tekst(c, "pdf"))); InputStream zip = Files.newInputStream(Paths.get(tekst(c, "asice")))) {
                    svar.put("uuid", rest.send(token(), versjon, org, kommune, tekst(c, "bydelsnummer"), pdf, zip).uuid);
                }
                break;
            case "status":
                List<Map<String, Object>> alle = new ArrayList<>();
                for (Hendelse h : rest.status(token(), versjon, org, tekst(c, "id"))) {
                    Map<String, Object> m = new LinkedHashMap<>();
                    m.put("bekymringsmeldingId", h.bekymringsmeldingId);
                    m.put("tidspunkt", h.tidspunkt.toString());
                    m.put("tilstand", h.tilstand);
                    m.put("beskrivelse", h.beskrivelse);
                    alle.add(m);
                }
                svar.put("status", alle);
                break;
            default:
                throw new IllegalArgumentException(c.toString());
        }
    }

    /** Keys, the PDF to the printer, the container as a stream to the receiver, post. */
    private UUID krypterOgSend(JsonNode c, String versjon, String kommune) throws Exception {
        String bydel = tekst(c, "bydelsnummer");
        if (bydel.isEmpty()) {
            for (Bydel b : rest.bydeler(token(), "v1", kommune)) {
                if (b.standardMottaker && bydel.isEmpty()) {
                    bydel = b.bydelsnummer;
                }
            }
            if (bydel.isEmpty()) {
                throw new IllegalStateException("ingen standard mottaker");
            }
        }
        Nokler nokler = rest.nokler(token(), "v1", kommune, bydel);
        byte[] pdf = Files.readAllBytes(Paths.get(tekst(c, "pdf")));
        ByteArrayOutputStream tilTrykkeriet = new ByteArrayOutputStream();
        new CMSKrypteringImpl().krypterData(tilTrykkeriet, new ByteArrayInputStream(pdf), nokler.printOffentligNokkel.sertifikat());
        try (InputStream json = Files.newInputStream(Paths.get(tekst(c, "json")));
             InputStream zip = asice.encrypt(nokler.fiksIOOffentligNokkel.sertifikat(), Arrays.<Content>asList(
                 new StreamContent(json, "bekymringsmelding.json"), new StreamContent(new ByteArrayInputStream(pdf), "bekymringsmelding.pdf")))) {
            return rest.send(token(), versjon, org, kommune, bydel, new ByteArrayInputStream(tilTrykkeriet.toByteArray()), zip).uuid;
        }
    }

    private String token() throws Exception {
        return maskinporten.getAccessToken("ks:fiks");
    }

    private static String tekst(JsonNode n, String navn) {
        return n.path(navn).asText("");
    }

    private static PrivateKey nokkel(Path fil) throws Exception {
        String pem = new String(Files.readAllBytes(fil), StandardCharsets.US_ASCII).replaceAll("-----[A-Z ]+-----", "");
        return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem)));
    }
}
