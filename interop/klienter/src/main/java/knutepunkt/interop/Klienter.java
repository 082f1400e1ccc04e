package knutepunkt.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import no.ks.fiks.dokumentlager.klient.DokumentlagerApiImpl;
import no.ks.fiks.dokumentlager.klient.DokumentlagerKlient;
import no.ks.fiks.dokumentlager.klient.authentication.IntegrasjonAuthenticationStrategy;
import no.ks.fiks.dokumentlager.klient.exception.DokumentlagerHttpException;
import no.ks.fiks.dokumentlager.klient.model.DokumentMetadataUpdate;
import no.ks.fiks.dokumentlager.klient.model.DokumentMetadataUpload;
import no.ks.fiks.dokumentlager.klient.model.eksponertfor.EksponertForIntegrasjon;
import no.ks.fiks.dokumentlager.klient.model.eksponertfor.EksponertForPerson;
import no.ks.fiks.io.client.FiksIOKlient;
import no.ks.fiks.io.client.FiksIOKlientFactory;
import no.ks.fiks.io.client.SvarSender;
import no.ks.fiks.io.client.konfigurasjon.AmqpKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.DokumentLagerKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.FiksApiKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.FiksIOKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.FiksIntegrasjonKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.IdPortenKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.KontoKonfigurasjon;
import no.ks.fiks.io.client.konfigurasjon.VirksomhetssertifikatKonfigurasjon;
import no.ks.fiks.io.client.model.KlientKorrelasjonId;
import no.ks.fiks.io.client.model.KontoId;
import no.ks.fiks.io.client.model.MeldingId;
import no.ks.fiks.io.client.model.MeldingRequest;
import no.ks.fiks.io.client.model.MottattMelding;
import no.ks.fiks.io.client.model.Payload;
import no.ks.fiks.io.client.model.SendtMelding;
import no.ks.fiks.io.client.model.StreamPayload;
import no.ks.fiks.io.klient.FiksIOUtsendingKlient;
import no.ks.fiks.io.klient.MeldingSpesifikasjonApiModel;
import no.ks.fiks.maskinporten.Maskinportenklient;
import no.ks.fiks.maskinporten.MaskinportenklientProperties;
import no.ks.kryptering.CMSKrypteringImpl;

/**
 * Plays scenarios against a running sandbox with the released clients, and prints
 * one line of JSON for each: {navn, ok, detalj}. The argument is a file of JSON:
 * {sandbox, amqpsKuttbar, kutt, virksomhet: {orgno: {key, certificate}},
 * soknad: {navn: sha256}, dokumentlager: {fiksOrgId, kontoId}}.
 */
public final class Klienter {
    static final ObjectMapper JSON = new ObjectMapper();
    static final char[] PASSORD = "hemmelig".toCharArray();
    static final int VENT = 30; // seconds for a message to come

    final Path dir;
    final JsonNode sandbox, oppdrag;
    final HttpClient http;
    final PrintStream ut = System.out;

    /** A message that has come, with what answers it. */
    record Mottatt(MottattMelding melding, SvarSender svar) {}

    /** A konto's client and what it has received. */
    record Part(FiksIOKlient klient, LinkedBlockingQueue<Mottatt> innboks, AtomicInteger nedlastinger) {
        Mottatt vent() throws Exception {
            Mottatt m = innboks.poll(VENT, TimeUnit.SECONDS);
            if (m == null) {
                throw new AssertionError("ingen melding kom på " + VENT + " s");
            }
            return m;
        }
    }

    interface Scenario {
        String spill() throws Exception;
    }

    Klienter(String fil) throws Exception {
        oppdrag = JSON.readTree(Path.of(fil).toFile());
        Path beskrivelse = Path.of(oppdrag.get("sandbox").asText());
        dir = beskrivelse.toAbsolutePath().getParent();
        sandbox = JSON.readTree(beskrivelse.toFile());
        stolPaa(dir.resolve(sandbox.at("/amqp/caCertificate").asText()));
        http = HttpClient.newHttpClient(); // reads the trust store
    }

    public static void main(String[] args) throws Exception {
        new Klienter(args[0]).spill();
        System.exit(0); // the clients leave threads behind
    }

    void spill() throws Exception {
        JsonNode fjordvik = kommune("9901"), storby = kommune("9904"), lillevik = kommune("9905"), stille = kommune("9903");
        int amqps = sandbox.at("/amqp/tlsPort").asInt();

        proev("maskinporten-client x5c", () -> brukToken(fjordvik, maskinporten(fjordvik).getAccessToken("ks:fiks")));
        proev("maskinporten-client kid", () -> brukToken(fjordvik, maskinportenKid(fjordvik).getAccessToken("ks:fiks")));
        // Two ways to a token: a supplier of one's own, and the real maskinporten-client.
        Part a = part(fjordvik, amqps, true), b = part(storby, amqps, false);
        proev("katalog", () -> katalog(a, storby));
        proev("soknad", () -> soknad(a));
        proev("ping-pong uten nyttelast", () -> pingPong(a, b, storby, null));
        proev("ping-pong tom fil", () -> pingPong(a, b, storby, new byte[0]));
        proev("ping-pong liten", () -> pingPong(a, b, storby, "Blåbærsyltetøy".getBytes(StandardCharsets.UTF_8)));
        proev("ping-pong 6 MB", () -> pingPong(a, b, storby, tilfeldig(6_000_000)));
        proev("fiks-io-send-klient", () -> sendKlient(fjordvik, storby, b));
        proev("nack tre ganger", () -> nack(a, b, storby));
        Part c = part(lillevik, oppdrag.get("amqpsKuttbar").asInt(), true);
        proev("brutt forbindelse", () -> brudd(a, c, lillevik));

        DokumentlagerKlient lager = dokumentlager(fjordvik);
        UUID korrelasjonsid = UUID.randomUUID();
        proev("dokumentlager nivå 3", () -> dokument(lager, fjordvik, 3, korrelasjonsid, false));
        proev("dokumentlager nivå 4", () -> dokument(lager, fjordvik, 4, korrelasjonsid, false));
        proev("dokumentlager kryptert på forhånd", () -> dokument(lager, fjordvik, 4, korrelasjonsid, true));
        proev("dokumentlager korrelasjonsid", () -> korrelasjon(lager, fjordvik));

        // Last, since it moves the clock, which the clients do not follow.
        proev("tidsavbrudd", () -> tidsavbrudd(a, stille));
        proev("ingenting til overs", () -> {
            for (Part p : List.of(a, b, c)) {
                lik("meldinger til overs", List.of(), p.innboks.stream().map(m -> m.melding.getMeldingType()).toList());
                p.klient.close();
            }
            return "alle lukket";
        });
    }

    // --- Fiks IO ---

    String katalog(Part a, JsonNode mottaker) {
        var konto = a.klient.getKonto(konto(mottaker)).orElseThrow();
        lik("kontoId", konto(mottaker), konto.getKontoId());
        lik("fiksOrgId", tekst(mottaker, "/fiksOrgId"), konto.getFiksOrgId().getFiksOrgId().toString());
        lik("organisasjonsnummer", tekst(mottaker, "/organisasjonsnummer"), konto.getOrgNummer());
        lik("kommunenummer", tekst(mottaker, "/kommunenummer"), konto.getKommuneNummer());
        lik("gyldig", true, konto.isGyldigAvsender() && konto.isGyldigMottaker());
        lik("konsumenter", 1L, konto.getAntallKonsumenter());
        lik("ukjent konto", Optional.empty(), a.klient.getKonto(new KontoId(UUID.randomUUID())));
        return konto.getKontoNavn();
    }

    String soknad(Part a) throws Exception {
        Mottatt m = a.vent();
        lik("type", "no.nav.digisos.soknad.v1", m.melding.getMeldingType());
        lik("resendt", false, m.melding.isResendt());
        Map<String, String> fikk = new TreeMap<>(), ventet = new TreeMap<>();
        filer(m.melding).forEach((navn, data) -> fikk.put(navn, sha256(data)));
        oppdrag.get("soknad").fields().forEachRemaining(e -> ventet.put(e.getKey(), e.getValue().asText()));
        lik("metadata", true, fikk.remove("forsendelseMetadata.json") != null);
        lik("filer", ventet, fikk);
        m.svar.svar("no.nav.digisos.soknad.mottatt.v1");
        m.svar.ack();
        return fikk.size() + " filer like";
    }

    /** Sends data (null: no payload) and has it sent back; both must come out as they went in. */
    String pingPong(Part a, Part b, JsonNode mottaker, byte[] data) throws Exception {
        MeldingId klientMeldingId = new MeldingId(UUID.randomUUID());
        KlientKorrelasjonId korrelasjon = new KlientKorrelasjonId("sak æøå 2026/17");
        MeldingRequest ping = MeldingRequest.builder().mottakerKontoId(konto(mottaker)).meldingType("no.ks.fiks.proeve.v1.ping")
            .ttl(Duration.ofHours(1)).klientMeldingId(klientMeldingId).korrelasjonsId(korrelasjon)
            .headere(Map.of("egen-header", "verdi æøå")).build();
        int nedlastet = a.nedlastinger.get() + b.nedlastinger.get();
        SendtMelding sendt = data == null ? a.klient.sendWithoutPayload(ping)
            : a.klient.send(ping, List.<Payload>of(new StreamPayload(new ByteArrayInputStream(data), "nyttelast – æøå.bin")));

        Mottatt m = b.vent();
        lik("meldingId", sendt.getMeldingId(), m.melding.getMeldingId());
        lik("avsender", a.klient.getKontoId(), m.melding.getAvsenderKontoId());
        lik("mottaker", b.klient.getKontoId(), m.melding.getMottakerKontoId());
        lik("ttl", Duration.ofHours(1), m.melding.getTtl());
        lik("klientMeldingId", klientMeldingId, m.melding.getKlientMeldingId());
        lik("klientKorrelasjonId", korrelasjon, m.melding.getKlientKorrelasjonId());
        lik("egen header", "verdi æøå", m.melding.getHeadere().get("egen-header"));
        lik("harPayload", data != null, m.melding.isHarPayload());
        List<Payload> retur = new ArrayList<>();
        if (data != null) {
            for (var e : filer(m.melding).entrySet()) {
                lik("innhold", true, Arrays.equals(data, e.getValue()));
                retur.add(new StreamPayload(new ByteArrayInputStream(e.getValue()), e.getKey()));
            }
            lik("antall filer", 1, retur.size());
            m.svar.svar("no.ks.fiks.proeve.v1.pong", retur);
        } else {
            m.svar.svar("no.ks.fiks.proeve.v1.pong");
        }
        m.svar.ack();

        Mottatt p = a.vent();
        lik("pong", "no.ks.fiks.proeve.v1.pong", p.melding.getMeldingType());
        lik("svarPaMelding", sendt.getMeldingId(), p.melding.getSvarPaMelding());
        lik("korrelasjon i svaret", korrelasjon, p.melding.getKlientKorrelasjonId());
        if (data != null) {
            Map<String, byte[]> tilbake = filer(p.melding);
            lik("filnavn", Set.of("nyttelast – æøå.bin"), tilbake.keySet());
            lik("innhold tilbake", true, Arrays.equals(data, tilbake.get("nyttelast – æøå.bin")));
        } else {
            lik("harPayload", false, p.melding.isHarPayload());
        }
        p.svar.ack();
        nedlastet = a.nedlastinger.get() + b.nedlastinger.get() - nedlastet;
        lik("hentet fra dokumentlager", data != null && data.length > 5 << 20 ? 2 : 0, nedlastet);
        return (data == null ? "ingen nyttelast" : data.length + " byte") + ", " + nedlastet + " fra dokumentlager";
    }

    /** The send client alone, with its own mapper, which refuses unknown fields. */
    String sendKlient(JsonNode avsender, JsonNode mottaker, Part b) throws Exception {
        byte[] data = tilfeldig(100_000);
        try (FiksIOUtsendingKlient klient = FiksIOUtsendingKlient.builder().withScheme("http").withHostName(base().getHost())
            .withPortNumber(base().getPort()).withAuthenticationStrategy(new no.ks.fiks.io.klient.IntegrasjonAuthenticationStrategy(
                token(avsender), uuid(avsender, "/fagsystem/integrasjonId"), tekst(avsender, "/fagsystem/integrasjonPassord"))).build()) {
            var sendt = klient.send(MeldingSpesifikasjonApiModel.builder().avsenderKontoId(konto(avsender).getUuid())
                .mottakerKontoId(konto(mottaker).getUuid()).meldingType("no.ks.fiks.proeve.v1.rå").ttl(3_600_000L)
                .headere(Map.of("k", "v")).build(), Optional.of(new ByteArrayInputStream(data)));
            Mottatt m = b.vent();
            lik("meldingId", sendt.getMeldingId(), m.melding.getMeldingId().getUuid());
            lik("type", "no.ks.fiks.proeve.v1.rå", m.melding.getMeldingType());
            lik("svarets type", "no.ks.fiks.proeve.v1.rå", sendt.getMeldingType());
            lik("svarets ttl", 3_600_000L, sendt.getTtl());
            lik("svarets header", Map.of("k", "v"), sendt.getHeadere());
            try (InputStream in = m.melding.getKryptertStream()) {
                lik("innhold", true, Arrays.equals(data, in.readAllBytes()));
            }
            m.svar.ack();
        }
        return data.length + " byte";
    }

    String nack(Part a, Part b, JsonNode mottaker) throws Exception {
        SendtMelding sendt = a.klient.send(MeldingRequest.builder().mottakerKontoId(konto(mottaker))
            .meldingType("no.ks.fiks.proeve.v1.nack").ttl(Duration.ofHours(1)).build(), "innhold", "fil.txt");
        for (int forsok = 1; forsok <= 3; forsok++) {
            Mottatt m = b.vent();
            lik("meldingId", sendt.getMeldingId(), m.melding.getMeldingId());
            lik("resendt i forsøk " + forsok, forsok > 1, m.melding.isResendt());
            m.svar.nackWithRequeue();
        }
        return systemmelding(a, sendt, "no.ks.fiks.kvittering.serverfeil.v1", mottaker);
    }

    String tidsavbrudd(Part a, JsonNode stille) throws Exception {
        SendtMelding sendt = a.klient.sendWithoutPayload(MeldingRequest.builder().mottakerKontoId(konto(stille))
            .meldingType("no.ks.fiks.proeve.v1.taushet").ttl(Duration.ofHours(1)).build());
        post(base() + "/sandbox/clock", "{\"advance\":\"2h\"}");
        return systemmelding(a, sendt, "no.ks.fiks.kvittering.tidsavbrudd", stille);
    }

    String systemmelding(Part a, SendtMelding sendt, String type, JsonNode mottaker) throws Exception {
        Mottatt k = a.vent();
        lik("type", type, k.melding.getMeldingType());
        lik("svarPaMelding", sendt.getMeldingId(), k.melding.getSvarPaMelding());
        lik("avsender", konto(mottaker), k.melding.getAvsenderKontoId());
        lik("harPayload", false, k.melding.isHarPayload());
        k.svar.ack();
        return type;
    }

    /** The connection is cut with an unacknowledged message; the client must recover by itself. */
    String brudd(Part a, Part c, JsonNode mottaker) throws Exception {
        SendtMelding en = a.klient.send(MeldingRequest.builder().mottakerKontoId(konto(mottaker))
            .meldingType("no.ks.fiks.proeve.v1.brudd").ttl(Duration.ofHours(1)).build(), "innhold", "fil.txt");
        Mottatt m = c.vent();
        lik("meldingId", en.getMeldingId(), m.melding.getMeldingId());
        lik("resendt", false, m.melding.isResendt());
        String kuttet = post(oppdrag.get("kutt").asText(), "");
        m = c.vent();
        lik("meldingId etter bruddet", en.getMeldingId(), m.melding.getMeldingId());
        lik("resendt etter bruddet", true, m.melding.isResendt());
        lik("innhold", "innhold", new String(filer(m.melding).get("fil.txt"), StandardCharsets.UTF_8));
        m.svar.ack();
        SendtMelding to = a.klient.sendWithoutPayload(MeldingRequest.builder().mottakerKontoId(konto(mottaker))
            .meldingType("no.ks.fiks.proeve.v1.brudd").ttl(Duration.ofHours(1)).build());
        m = c.vent();
        lik("neste melding", to.getMeldingId(), m.melding.getMeldingId());
        lik("neste resendt", false, m.melding.isResendt());
        m.svar.ack();
        return kuttet + " forbindelse(r) kuttet";
    }

    Part part(JsonNode kommune, int port, boolean egetToken) throws Exception {
        AtomicInteger nedlastinger = new AtomicInteger();
        VirksomhetssertifikatKonfigurasjon virksomhet = VirksomhetssertifikatKonfigurasjon.builder()
            .keyStore(virksomhet(kommune)).keyStorePassword(new String(PASSORD)).keyAlias("virksomhet").keyPassword(new String(PASSORD)).build();
        FiksIOKonfigurasjon konfigurasjon = FiksIOKonfigurasjon.builder()
            .fiksApiKonfigurasjon(FiksApiKonfigurasjon.builder().scheme("http").host(base().getHost()).port(base().getPort()).build())
            .amqpKonfigurasjon(AmqpKonfigurasjon.builder().host(tekst(sandbox, "/amqp/host")).port(port).build())
            .dokumentlagerKonfigurasjon(DokumentLagerKonfigurasjon.builder().requestInterceptor(r -> {
                nedlastinger.incrementAndGet();
                return r;
            }).build())
            .fiksIntegrasjonKonfigurasjon(FiksIntegrasjonKonfigurasjon.builder().integrasjonId(uuid(kommune, "/fagsystem/integrasjonId"))
                .integrasjonPassord(tekst(kommune, "/fagsystem/integrasjonPassord"))
                .idPortenKonfigurasjon(IdPortenKonfigurasjon.builder().klientId(UUID.randomUUID().toString())
                    .idPortenAudience(tekst(sandbox, "/maskinporten/issuer")).accessTokenUri(tekst(sandbox, "/maskinporten/tokenEndpoint")).build())
                .build())
            .kontoKonfigurasjon(KontoKonfigurasjon.builder().kontoId(konto(kommune))
                .privatNokkel(nokkel(dir.resolve(tekst(kommune, "/fagsystem/privateKey")))).build())
            .virksomhetssertifikatKonfigurasjon(virksomhet).executor(Executors.newFixedThreadPool(4)).build();
        FiksIOKlientFactory fabrikk = new FiksIOKlientFactory(konfigurasjon);
        if (egetToken) {
            fabrikk.setMaskinportenAccessTokenSupplier(token(kommune));
        }
        Part p = new Part(fabrikk.build(), new LinkedBlockingQueue<>(), nedlastinger);
        p.klient.newSubscription((melding, svar) -> p.innboks.add(new Mottatt(melding, svar)));
        return p;
    }

    // --- Dokumentlager ---

    DokumentlagerKlient dokumentlager(JsonNode kommune) throws Exception {
        return DokumentlagerKlient.builder().api(DokumentlagerApiImpl.builder().uploadBaseUrl(base().toString()).downloadBaseUrl(base().toString())
            .authenticationStrategy(new IntegrasjonAuthenticationStrategy(maskinporten(kommune),
                uuid(kommune, "/fagsystem/integrasjonId"), tekst(kommune, "/fagsystem/integrasjonPassord"))).build()).build();
    }

    String dokument(DokumentlagerKlient lager, JsonNode kommune, int niva, UUID korrelasjonsid, boolean forhaandskryptert) throws Exception {
        byte[] data = tilfeldig(300_000);
        UUID org = UUID.fromString(oppdrag.at("/dokumentlager/fiksOrgId").asText()), konto = UUID.fromString(oppdrag.at("/dokumentlager/kontoId").asText());
        DokumentMetadataUpload metadata = metadata(kommune, niva, korrelasjonsid);
        InputStream inn = new ByteArrayInputStream(data);
        if (forhaandskryptert) {
            ByteArrayOutputStream kryptert = new ByteArrayOutputStream();
            new CMSKrypteringImpl().krypterData(kryptert, inn, lager.getPublicKeyAsX509Certificate().getResult());
            inn = new ByteArrayInputStream(kryptert.toByteArray());
        }
        var opplastet = forhaandskryptert ? lager.uploadAlreadyEncrypted(inn, metadata, org, konto) : lager.upload(inn, metadata, org, konto);
        UUID id = opplastet.getResult().getId();
        lik("status", 201, opplastet.getHttpStatus());
        lik("Location", true, opplastet.getHeader("Location").orElse("").endsWith("/dokumentlager/nedlasting/" + id));
        lik("dokumentnavn", "vedtak – æøå.pdf", opplastet.getResult().getDokumentnavn());
        lik("mimeType", "application/pdf", opplastet.getResult().getMimeType());
        lik("ukryptertStorrelse", (long) data.length, opplastet.getResult().getUkryptertStorrelse());
        lik("kryptertStorrelse", true, opplastet.getResult().getKryptertStorrelse() >= data.length);
        try (InputStream ned = lager.download(id).getResult()) {
            lik("innhold", true, Arrays.equals(data, ned.readAllBytes()));
        }
        try (InputStream ned = lager.downloadLazy(id).getResult()) {
            lik("innhold, lat", true, Arrays.equals(data, ned.readAllBytes()));
        }
        var m = lager.downloadMetadata(id).getResult();
        lik("metadata.dokumentnavn", "vedtak – æøå.pdf", m.getDokumentnavn());
        lik("metadata.ukryptertStorrelse", (long) data.length, m.getUkryptertStorrelse());
        lik("metadata.korrelasjonsid", korrelasjonsid, m.getKorrelasjonsid());
        var endret = lager.updateMetadata(org, konto, id, DokumentMetadataUpdate.builder().ttl(7200L).build()).getResult();
        lik("endret id", id, endret.getId());
        lik("tilgjengeligTil", true, endret.getTilgjengeligTil() != null);
        lik("slettet", 200, lager.delete(org, konto, id).getHttpStatus());
        feiler("slettet igjen", 410, () -> lager.delete(org, konto, id));
        feiler("nedlasting etter sletting", 410, () -> lager.download(id));
        return "201, lest to ganger, slettet, 410";
    }

    String korrelasjon(DokumentlagerKlient lager, JsonNode kommune) {
        UUID org = UUID.fromString(oppdrag.at("/dokumentlager/fiksOrgId").asText()), konto = UUID.fromString(oppdrag.at("/dokumentlager/kontoId").asText());
        UUID korrelasjonsid = UUID.randomUUID();
        UUID en = lager.upload(new ByteArrayInputStream(tilfeldig(10)), metadata(kommune, 3, korrelasjonsid), org, konto).getResult().getId();
        UUID to = lager.upload(new ByteArrayInputStream(tilfeldig(10)), metadata(kommune, 3, korrelasjonsid), org, konto).getResult().getId();
        var treff = lager.sokDokumenterMedKorrelasjonsid(org, konto, korrelasjonsid, null, null).getResult();
        lik("totaltAntallTreff", 2, treff.getTotaltAntallTreff());
        lik("treff", Set.of(en, to), Set.copyOf(treff.getDokumenter().stream().map(d -> d.getId()).toList()));
        lik("slettet", 200, lager.deleteDokumenterByKorrelasjonsid(org, konto, korrelasjonsid).getHttpStatus());
        feiler("nedlasting etter sletting", 410, () -> lager.download(en));
        feiler("nedlasting etter sletting", 410, () -> lager.download(to));
        return "2 treff, slettet";
    }

    DokumentMetadataUpload metadata(JsonNode kommune, int niva, UUID korrelasjonsid) {
        return DokumentMetadataUpload.builder().dokumentnavn("vedtak – æøå.pdf").mimetype("application/pdf").ttl(3600L)
            .sikkerhetsniva(niva).korrelasjonsid(korrelasjonsid).eksponertFor(Set.of(
                new EksponertForIntegrasjon(uuid(kommune, "/fagsystem/integrasjonId")), new EksponertForPerson(tekst(sandbox, "/personer/0/fnr")))).build();
    }

    // --- Maskinporten ---

    Maskinportenklient maskinporten(JsonNode kommune) throws Exception {
        KeyStore lager = virksomhet(kommune);
        return Maskinportenklient.builder().withPrivateKey((PrivateKey) lager.getKey("virksomhet", PASSORD))
            .usingVirksomhetssertifikat((X509Certificate) lager.getCertificate("virksomhet")).withProperties(egenskaper("en-hvilken-som-helst-klient")).build();
    }

    /** With a registered key: the sandbox knows the fagsystem's key under the kommunenummer. */
    Maskinportenklient maskinportenKid(JsonNode kommune) throws Exception {
        String nummer = tekst(kommune, "/kommunenummer");
        return Maskinportenklient.builder().withPrivateKey(nokkel(dir.resolve(tekst(kommune, "/fagsystem/privateKey"))))
            .usingAsymmetricKey(nummer).withProperties(egenskaper("fagsystem-" + nummer)).build();
    }

    MaskinportenklientProperties egenskaper(String klient) {
        return MaskinportenklientProperties.builder().audience(tekst(sandbox, "/maskinporten/issuer"))
            .tokenEndpoint(tekst(sandbox, "/maskinporten/tokenEndpoint")).issuer(klient).numberOfSecondsLeftBeforeExpire(10).build();
    }

    String brukToken(JsonNode kommune, String token) throws Exception {
        HttpResponse<String> svar = http.send(HttpRequest.newBuilder(URI.create(base() + "/fiks-io/katalog/api/v1/kontoer/" + konto(kommune).getUuid()))
            .header("Authorization", "Bearer " + token).header("IntegrasjonId", tekst(kommune, "/fagsystem/integrasjonId"))
            .header("IntegrasjonPassord", tekst(kommune, "/fagsystem/integrasjonPassord")).build(), HttpResponse.BodyHandlers.ofString());
        lik("status", 200, svar.statusCode());
        return "200";
    }

    /** Asks the sandbox for a new token each time. */
    Supplier<String> token(JsonNode kommune) {
        String url = tekst(sandbox, "/tokens/maskinporten").replace("{orgno}", tekst(kommune, "/fagsystem/organisasjonsnummer"))
            .replace("{scope}", URLEncoder.encode("ks:fiks", StandardCharsets.UTF_8));
        return () -> {
            try {
                HttpResponse<String> svar = http.send(HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofString());
                lik("tokenets status", 200, svar.statusCode());
                return svar.body();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        };
    }

    // --- keys and stores ---

    /** The organisation's certificate: a PKCS #12 store made from PEM. */
    KeyStore virksomhet(JsonNode kommune) throws Exception {
        JsonNode filer = oppdrag.get("virksomhet").get(tekst(kommune, "/fagsystem/organisasjonsnummer"));
        KeyStore lager = KeyStore.getInstance("PKCS12");
        lager.load(null, null);
        lager.setKeyEntry("virksomhet", nokkel(Path.of(filer.get("key").asText())), PASSORD,
            new Certificate[] {sertifikat(Path.of(filer.get("certificate").asText()))});
        return lager;
    }

    /** Puts the CA in the trust store that the JVM reads when TLS is first used. */
    static void stolPaa(Path ca) throws Exception {
        KeyStore lager = KeyStore.getInstance("PKCS12");
        lager.load(null, null);
        lager.setCertificateEntry("sandkasse", sertifikat(ca));
        Path fil = Files.createTempFile("tillit", ".p12");
        fil.toFile().deleteOnExit();
        try (FileOutputStream ut = new FileOutputStream(fil.toFile())) {
            lager.store(ut, PASSORD);
        }
        System.setProperty("javax.net.ssl.trustStore", fil.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", new String(PASSORD));
    }

    static PrivateKey nokkel(Path fil) throws Exception {
        String pem = Files.readString(fil).replaceAll("-----[A-Z ]+-----", "");
        return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem)));
    }

    static X509Certificate sertifikat(Path fil) throws Exception {
        try (InputStream in = new FileInputStream(fil.toFile())) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    // --- small things ---

    void proev(String navn, Scenario s) throws Exception {
        String detalj;
        boolean ok = false;
        long start = System.nanoTime();
        try {
            detalj = s.spill();
            ok = true;
        } catch (Throwable t) {
            StringWriter spor = new StringWriter();
            t.printStackTrace(new PrintWriter(spor));
            detalj = spor.toString();
        }
        detalj += " (" + (System.nanoTime() - start) / 1_000_000 + " ms)";
        ut.println(JSON.writeValueAsString(JSON.createObjectNode().put("navn", navn).put("ok", ok).put("detalj", detalj)));
        ut.flush();
    }

    static void lik(String hva, Object ventet, Object fikk) {
        if (!Objects.equals(ventet, fikk)) {
            throw new AssertionError(hva + ": ventet " + ventet + ", fikk " + fikk);
        }
    }

    static void feiler(String hva, int status, Runnable kall) {
        try {
            kall.run();
        } catch (DokumentlagerHttpException e) {
            lik(hva, status, e.getStatus());
            return;
        }
        throw new AssertionError(hva + ": ventet " + status + ", men det gikk bra");
    }

    /** The files of a message, decrypted. */
    static Map<String, byte[]> filer(MottattMelding m) throws Exception {
        Map<String, byte[]> filer = new TreeMap<>();
        try (ZipInputStream zip = m.getDekryptertZipStream()) {
            for (ZipEntry e; (e = zip.getNextEntry()) != null; ) {
                if (!e.getName().startsWith("META-INF/") && !e.getName().equals("mimetype")) {
                    filer.put(e.getName(), zip.readAllBytes());
                }
            }
        }
        return filer;
    }

    static String sha256(byte[] data) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    static byte[] tilfeldig(int antall) {
        byte[] data = new byte[antall];
        new Random(antall).nextBytes(data);
        return data;
    }

    String post(String url, String body) throws Exception {
        HttpResponse<String> svar = http.send(HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body)).build(), HttpResponse.BodyHandlers.ofString());
        if (svar.statusCode() >= 300) {
            throw new AssertionError(url + ": " + svar.statusCode() + " " + svar.body());
        }
        return svar.body();
    }

    URI base() {
        return URI.create(tekst(sandbox, "/baseUrl"));
    }

    JsonNode kommune(String nummer) {
        for (JsonNode k : sandbox.get("kommuner")) {
            if (tekst(k, "/kommunenummer").equals(nummer)) {
                return k;
            }
        }
        throw new IllegalArgumentException("ingen kommune " + nummer);
    }

    static KontoId konto(JsonNode kommune) {
        return new KontoId(uuid(kommune, "/fagsystem/fiksIOKontoId"));
    }

    static UUID uuid(JsonNode n, String sti) {
        return UUID.fromString(tekst(n, sti));
    }

    static String tekst(JsonNode n, String sti) {
        return n.at(sti).asText();
    }
}
