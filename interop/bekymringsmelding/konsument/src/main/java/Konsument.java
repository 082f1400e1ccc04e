import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.InputStream;
import java.io.OutputStream;
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
import java.util.Base64;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import no.ks.fiks.io.client.FiksIOKlient;
import no.ks.fiks.io.client.FiksIOKlientFactory;
import no.ks.fiks.io.client.SvarSender;
import no.ks.fiks.io.client.konfigurasjon.AmqpKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.FiksApiKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.FiksIOKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.FiksIntegrasjonKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.IdPortenKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.KontoKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.VirksomhetssertifikatKonfigurasjon;
import no.ks.fiks.io.client.model.KontoId;
import no.ks.fiks.io.client.model.MottattMelding;
import no.ks.fiks.io.client.model.StringPayload;

/**
 * Behaves as KS's example of a consumer (specification §17): stores what is in a report,
 * answers and then acknowledges; a type that it does not know is answered with feilet and
 * then refused. Prints a line of JSON for each message; ends when its input does.
 *
 * <p>The argument is a file: {host, port, amqpHost, amqpPort, ca, issuer, tokenEndpoint,
 * integrasjonId, integrasjonPassord, kontoId, privateKey, key, certificate, dir}.
 */
public final class Konsument {
    static final ObjectMapper JSON = new ObjectMapper();
    static final char[] PASSORD = "hemmelig".toCharArray();

    private final JsonNode o;
    private final PrintStream ut;

    private Konsument(JsonNode o) throws Exception {
        this.o = o;
        ut = new PrintStream(System.out, true, "UTF-8");
    }

    public static void main(String[] args) throws Exception {
        Konsument k = new Konsument(JSON.readTree(Paths.get(args[0]).toFile()));
        FiksIOKlient klient = k.klient();
        klient.newSubscription(k::motta);
        k.skriv("klar", "", "");
        while (System.in.read() >= 0) { } // until it is closed
        klient.close();
        System.exit(0); // the client leaves threads behind
    }

    private void motta(MottattMelding m, SvarSender svar) {
        String type = m.getMeldingType();
        if ("no.ks.fiks.bekymringsmelding.offentlig.v1".equalsIgnoreCase(type) || "no.ks.fiks.bekymringsmelding.privat.v1".equalsIgnoreCase(type)) {
            try {
                lagre(m);
            } catch (Exception e) {
                feilet(m, svar, "Kan ikke lagre");
                return;
            }
            svar.svar("no.ks.fiks.bekymringsmelding.mottatt.v1");
            svar.ack();
            skriv(type, m.getMeldingId().toString(), "mottatt");
        } else if ("no.ks.fiks.kvittering.tidsavbrudd".equalsIgnoreCase(type)) {
            svar.ack();
            skriv(type, m.getMeldingId().toString(), "");
        } else {
            feilet(m, svar, "Ukjent meldingstype");
        }
    }

    private void feilet(MottattMelding m, SvarSender svar, String hva) {
        svar.svar("no.ks.fiks.bekymringsmelding.feilet.v1", Collections.singletonList(new StringPayload("{\"melding\":\"" + hva + "\"}", "feilmelding.json")));
        svar.nack();
        skriv(m.getMeldingType(), m.getMeldingId().toString(), "feilet");
    }

    private void lagre(MottattMelding m) throws Exception {
        Path mappe = Files.createDirectories(Paths.get(tekst("dir"), m.getMeldingId().toString()));
        byte[] buffer = new byte[8192];
        try (ZipInputStream zip = m.getDekryptertZipStream()) {
            for (ZipEntry e; (e = zip.getNextEntry()) != null; ) {
                Path fil = mappe.resolve(e.getName());
                Files.createDirectories(fil.getParent());
                try (OutputStream til = Files.newOutputStream(fil)) {
                    for (int n; (n = zip.read(buffer)) > 0; ) {
                        til.write(buffer, 0, n);
                    }
                }
            }
        }
    }

    private synchronized void skriv(String type, String id, String svar) {
        Map<String, String> linje = new LinkedHashMap<>();
        linje.put("type", type);
        linje.put("meldingId", id);
        linje.put("svar", svar);
        ut.println(JSON.valueToTree(linje).toString());
    }

    private FiksIOKlient klient() throws Exception {
        stolPaa(Paths.get(tekst("ca")));
        KeyStore virksomhet = KeyStore.getInstance("PKCS12");
        virksomhet.load(null, null);
        virksomhet.setKeyEntry("virksomhet", nokkel(Paths.get(tekst("key"))), PASSORD, new Certificate[] {sertifikat(Paths.get(tekst("certificate")))});
        return new FiksIOKlientFactory(FiksIOKonfigurasjon.builder()
            .fiksApiKonfigurasjon(FiksApiKonfigurasjon.builder().scheme("http").host(tekst("host")).port(o.get("port").asInt()).build())
            .amqpKonfigurasjon(AmqpKonfigurasjon.builder().host(tekst("amqpHost")).port(o.get("amqpPort").asInt()).build())
            .fiksIntegrasjonKonfigurasjon(FiksIntegrasjonKonfigurasjon.builder().integrasjonId(UUID.fromString(tekst("integrasjonId")))
                .integrasjonPassord(tekst("integrasjonPassord")).idPortenKonfigurasjon(IdPortenKonfigurasjon.builder().klientId("konsument")
                    .idPortenAudience(tekst("issuer")).accessTokenUri(tekst("tokenEndpoint")).build()).build())
            .kontoKonfigurasjon(KontoKonfigurasjon.builder().kontoId(new KontoId(UUID.fromString(tekst("kontoId"))))
                .privatNokkel(nokkel(Paths.get(tekst("privateKey")))).build())
            .virksomhetssertifikatKonfigurasjon(VirksomhetssertifikatKonfigurasjon.builder().keyStore(virksomhet)
                .keyStorePassword(new String(PASSORD)).keyAlias("virksomhet").keyPassword(new String(PASSORD)).build())
            .executor(Executors.newFixedThreadPool(4)).build()).build();
    }

    /** Puts the CA in the trust store that the JVM reads when TLS is first used. */
    private static void stolPaa(Path ca) throws Exception {
        KeyStore lager = KeyStore.getInstance("PKCS12");
        lager.load(null, null);
        lager.setCertificateEntry("sandkasse", sertifikat(ca));
        Path fil = Files.createTempFile("tillit", ".p12");
        fil.toFile().deleteOnExit();
        try (OutputStream til = Files.newOutputStream(fil)) {
            lager.store(til, PASSORD);
        }
        System.setProperty("javax.net.ssl.trustStore", fil.toString());
        System.setProperty("javax.net.ssl.trustStoreType", "PKCS12");
        System.setProperty("javax.net.ssl.trustStorePassword", new String(PASSORD));
    }

    private static PrivateKey nokkel(Path fil) throws Exception {
        String pem = new String(Files.readAllBytes(fil), StandardCharsets.US_ASCII).replaceAll("-----[A-Z ]+-----", "");
        return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem)));
    }

    private static X509Certificate sertifikat(Path fil) throws Exception {
        try (InputStream inn = Files.newInputStream(fil)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(inn);
        }
    }

    private String tekst(String navn) {
        return o.get(navn).asText();
    }
}
