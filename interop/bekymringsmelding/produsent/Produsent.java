import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.ws.rs.client.Client;
import jakarta.ws.rs.client.ClientBuilder;
import jakarta.ws.rs.client.Entity;
import jakarta.ws.rs.client.Invocation;
import jakarta.ws.rs.client.WebTarget;
import jakarta.ws.rs.core.GenericType;
import jakarta.ws.rs.core.MediaType;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import no.ks.fiks.io.asice.AsicHandler;
import no.ks.fiks.io.asice.model.Content;
import no.ks.fiks.io.asice.model.KeystoreHolder;
import no.ks.fiks.io.asice.model.StreamContent;
import no.ks.kryptering.CMSKrypteringImpl;
import org.glassfish.jersey.media.multipart.FormDataMultiPart;
import org.glassfish.jersey.media.multipart.MultiPartFeature;
import org.glassfish.jersey.media.multipart.file.StreamDataBodyPart;

/**
 * Does on the wire what the producers' client does (contract §16), with the released parts
 * that it is made of: Jersey with its own mapper, which refuses unknown members, KS's
 * encryption and its container. Reads a file of JSON, {base, token, fiksOrgId,
 * integrasjonId, passord, kommune, bydel, versjon, json, pdf, key, certificate, id}, and
 * prints what it parsed as JSON: {bydeler, serial, uuid}, or with an id {status}.
 *
 * <p>Compiled with jakarta for 2.0.1 and, the word replaced by javax, for 1.0.1.
 */
public final class Produsent {
    public static class Bydel {
        public String bydelsnummer, bydelsnavn;
        public boolean standardMottaker;
    }

    public static class Nokkel {
        public String nokkel, serial, subjectDN, issuerDN;
        public LocalDateTime validFrom, validTo;
    }

    public static class Nokler {
        public Nokkel printOffentligNokkel, fiksIOOffentligNokkel;
    }

    public static class Svar {
        public String uuid;
    }

    public static class Status {
        public String bekymringsmeldingId, tilstand, beskrivelse;
        public LocalDateTime tidspunkt;
    }

    static final ObjectMapper JSON = new ObjectMapper();

    final JsonNode oppdrag;
    final Client klient = ClientBuilder.newClient().register(MultiPartFeature.class);

    Produsent(String fil) throws Exception {
        oppdrag = JSON.readTree(Path.of(fil).toFile());
    }

    public static void main(String[] args) throws Exception {
        Produsent p = new Produsent(args[0]);
        var ut = JSON.createObjectNode();
        if (p.oppdrag.has("id")) {
            var alle = ut.putArray("status");
            for (Status s : p.status(p.tekst("id"))) {
                if (s.tidspunkt == null || !s.bekymringsmeldingId.equals(p.tekst("id"))) {
                    throw new AssertionError("a state without time or of another report");
                }
                alle.add(s.tilstand);
            }
        } else {
            var bydeler = ut.putArray("bydeler");
            String bydel = p.oppdrag.path("bydel").asText("");
            for (Bydel b : p.bydeler()) {
                bydeler.add(b.bydelsnummer + " " + b.bydelsnavn + " " + b.standardMottaker);
                if (bydel.isEmpty() && b.standardMottaker) {
                    bydel = b.bydelsnummer;
                }
            }
            Nokler n = p.nokler(bydel);
            if (n.fiksIOOffentligNokkel.validFrom.isAfter(n.fiksIOOffentligNokkel.validTo)) {
                throw new AssertionError("a key that ends before it begins");
            }
            ut.put("serial", n.fiksIOOffentligNokkel.serial);
            ut.put("uuid", p.send(bydel, n));
        }
        System.out.println(JSON.writeValueAsString(ut));
        System.exit(0); // the container's threads are left behind
    }

    String tekst(String navn) {
        return oppdrag.get(navn).asText();
    }

    String sti(String hva) {
        return "api/" + oppdrag.path("versjon").asText("v1") + "/" + hva;
    }

    Invocation.Builder kall(WebTarget maal) throws Exception {
        String token = HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(tekst("token"))).build(),
            HttpResponse.BodyHandlers.ofString()).body();
        return maal.request(MediaType.APPLICATION_JSON_TYPE).header("Authorization", "Bearer " + token)
            .header("IntegrasjonId", tekst("integrasjonId")).header("IntegrasjonPassord", tekst("passord"));
    }

    WebTarget maal(String hva) {
        return klient.target(tekst("base")).path(sti(hva));
    }

    List<Bydel> bydeler() throws Exception {
        return kall(klient.target(tekst("base")).path("api/v1/kommuner/" + tekst("kommune") + "/bydeler")).get(new GenericType<List<Bydel>>() {});
    }

    Nokler nokler(String bydel) throws Exception {
        return kall(klient.target(tekst("base")).path("api/v1/mottak/fagsystem/" + tekst("kommune") + "/" + bydel + "/krypteringsnokler")).get(Nokler.class);
    }

    List<Status> status(String id) throws Exception {
        return kall(maal("mottak/fagsystem/" + tekst("fiksOrgId") + "/bekymringsmelding/" + id + "/status")).get(new GenericType<List<Status>>() {});
    }

    /** Keys, PDF to the printer, container to the receiver, and always to /offentlig. */
    String send(String bydel, Nokler n) throws Exception {
        byte[] pdf = Files.readAllBytes(Path.of(tekst("pdf"))), json = Files.readAllBytes(Path.of(tekst("json")));
        ByteArrayOutputStream kryptert = new ByteArrayOutputStream();
        new CMSKrypteringImpl().krypterData(kryptert, new ByteArrayInputStream(pdf), sertifikat(n.printOffentligNokkel.nokkel));
        ExecutorService traader = Executors.newFixedThreadPool(2);
        AsicHandler pakker = AsicHandler.builder().withPrivatNokkel(nokkel()).withExecutorService(traader).withKeyStoreHolder(nokkellager()).build();
        List<Content> innhold = new ArrayList<>(Arrays.asList(new StreamContent(new ByteArrayInputStream(json), "bekymringsmelding.json"),
            new StreamContent(new ByteArrayInputStream(pdf), "bekymringsmelding.pdf")));
        try (FormDataMultiPart skjema = new FormDataMultiPart()) {
            skjema.bodyPart(new StreamDataBodyPart("bekymringsmelding", new ByteArrayInputStream(kryptert.toByteArray()), "bekymringsmelding.pdf"));
            skjema.bodyPart(new StreamDataBodyPart("asice", pakker.encrypt(sertifikat(n.fiksIOOffentligNokkel.nokkel), innhold), "asice.zip"));
            return kall(maal("mottak/fagsystem/" + tekst("fiksOrgId") + "/" + tekst("kommune") + "/" + bydel + "/offentlig"))
                .post(Entity.entity(skjema, skjema.getMediaType()), Svar.class).uuid;
        }
    }

    static X509Certificate sertifikat(String pem) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8)));
    }

    PrivateKey nokkel() throws Exception {
        String pem = new String(Files.readAllBytes(Path.of(tekst("key"))), StandardCharsets.US_ASCII).replaceAll("-----[A-Z ]+-----|\\s", "");
        return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
    }

    KeystoreHolder nokkellager() throws Exception {
        char[] passord = "hemmelig".toCharArray();
        KeyStore lager = KeyStore.getInstance("JKS");
        lager.load(null, null);
        lager.setKeyEntry("produsent", nokkel(), passord, new Certificate[] {sertifikat(new String(Files.readAllBytes(Path.of(tekst("certificate"))), StandardCharsets.US_ASCII))});
        ByteArrayOutputStream ut = new ByteArrayOutputStream();
        lager.store(ut, passord);
        return KeystoreHolder.builder().withKeyStore(lager).withKeyAlias("produsent").withKeyPassword("hemmelig").withKeyStorePassword("hemmelig").build();
    }
}
