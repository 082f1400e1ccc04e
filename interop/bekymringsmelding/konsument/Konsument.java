import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
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

/**
 * Behaves as the Java consumer of §17 does, on the released client that it is built on
 * (1.3.0, with its own token client): knows two types and the time-out, compares them
 * without case, refuses all else; answers before it acknowledges. Reads a file of JSON,
 * {base, host, port, ca, tillit, issuer, tokenEndpoint, integrasjonId, passord, kontoId,
 * key, virksomhetKey, virksomhetCertificate, dir}; prints "klar", and a line for each message.
 */
public final class Konsument {
    static final ObjectMapper JSON = new ObjectMapper();
    static final char[] PASSORD = "hemmelig".toCharArray();

    final JsonNode oppdrag;

    Konsument(String fil) throws Exception {
        oppdrag = JSON.readTree(Path.of(fil).toFile());
    }

    public static void main(String[] args) throws Exception {
        new Konsument(args[0]).lytt();
        System.in.read(); // until whoever started it closes
        System.exit(0);
    }

    String tekst(String navn) {
        return oppdrag.get(navn).asText();
    }

    void lytt() throws Exception {
        stolPaa(tekst("ca"), tekst("tillit"));
        URI base = URI.create(tekst("base"));
        KeyStore virksomhet = KeyStore.getInstance("JKS");
        virksomhet.load(null, null);
        virksomhet.setKeyEntry("virksomhet", nokkel(tekst("virksomhetKey")), PASSORD, new Certificate[] {sertifikat(tekst("virksomhetCertificate"))});
        FiksIOKlient klient = new FiksIOKlientFactory(FiksIOKonfigurasjon.builder()
            .fiksApiKonfigurasjon(FiksApiKonfigurasjon.builder().scheme("http").host(base.getHost()).port(base.getPort()).build())
            .amqpKonfigurasjon(AmqpKonfigurasjon.builder().host(tekst("host")).port(oppdrag.get("port").asInt()).build())
            .fiksIntegrasjonKonfigurasjon(FiksIntegrasjonKonfigurasjon.builder().integrasjonId(UUID.fromString(tekst("integrasjonId"))).integrasjonPassord(tekst("passord"))
                .idPortenKonfigurasjon(IdPortenKonfigurasjon.builder().klientId(UUID.randomUUID().toString()).idPortenAudience(tekst("issuer"))
                    .accessTokenUri(tekst("tokenEndpoint")).build()).build())
            .kontoKonfigurasjon(KontoKonfigurasjon.builder().kontoId(new KontoId(UUID.fromString(tekst("kontoId")))).privatNokkel(nokkel(tekst("key"))).build())
            .virksomhetssertifikatKonfigurasjon(VirksomhetssertifikatKonfigurasjon.builder().keyStore(virksomhet).keyStorePassword(new String(PASSORD))
                .keyAlias("virksomhet").keyPassword(new String(PASSORD)).build())
            .executor(Executors.newFixedThreadPool(2)).build()).build();
        klient.newSubscription(this::motta);
        System.out.println("klar");
    }

    void motta(MottattMelding m, SvarSender svar) {
        String type = m.getMeldingType().toLowerCase();
        switch (type) {
            case "no.ks.fiks.bekymringsmelding.privat.v1":
            case "no.ks.fiks.bekymringsmelding.offentlig.v1":
                try {
                    pakkUt(m);
                    svar.svar("no.ks.fiks.bekymringsmelding.mottatt.v1");
                    svar.ack();
                    System.out.println("mottatt " + m.getMeldingId());
                } catch (Exception e) {
                    avvis(svar, e.toString());
                }
                break;
            case "no.ks.fiks.kvittering.tidsavbrudd":
                svar.ack();
                break;
            default:
                avvis(svar, "Ukjent meldingstype");
        }
    }

    void avvis(SvarSender svar, String grunn) {
        try {
            svar.svar("no.ks.fiks.bekymringsmelding.feilet.v1", "{\"melding\":\"" + grunn + "\"}", "feilmelding.json");
            System.out.println("feilet " + grunn);
        } catch (RuntimeException e) {
            e.printStackTrace();
        }
        svar.nack();
    }

    void pakkUt(MottattMelding m) throws Exception {
        Path dir = Files.createDirectories(Path.of(tekst("dir"), m.getMeldingId().toString()));
        try (ZipInputStream zip = m.getDekryptertZipStream()) {
            for (ZipEntry e = zip.getNextEntry(); e != null; e = zip.getNextEntry()) {
                Path til = dir.resolve(e.getName());
                Files.createDirectories(til.getParent());
                Files.write(til, zip.readAllBytes());
            }
        }
    }

    static PrivateKey nokkel(String fil) throws Exception {
        String pem = new String(Files.readAllBytes(Path.of(fil)), StandardCharsets.US_ASCII).replaceAll("-----[A-Z ]+-----|\\s", "");
        return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
    }

    static Certificate sertifikat(String fil) throws Exception {
        try (InputStream in = new FileInputStream(fil)) {
            return CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    static void stolPaa(String ca, String tillit) throws Exception {
        KeyStore lager = KeyStore.getInstance("JKS");
        lager.load(null, null);
        lager.setCertificateEntry("ca", sertifikat(ca));
        try (FileOutputStream ut = new FileOutputStream(tillit)) {
            lager.store(ut, PASSORD);
        }
        System.setProperty("javax.net.ssl.trustStore", tillit);
        System.setProperty("javax.net.ssl.trustStorePassword", new String(PASSORD));
    }
}
