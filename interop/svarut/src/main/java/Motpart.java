import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import no.ks.kryptering.CMSKrypteringImpl;
import org.apache.http.auth.AuthScope;
import org.apache.http.auth.UsernamePasswordCredentials;
import org.apache.http.client.methods.CloseableHttpResponse;
import org.apache.http.client.methods.HttpGet;
import org.apache.http.client.methods.HttpPost;
import org.apache.http.client.methods.HttpUriRequest;
import org.apache.http.impl.client.BasicCredentialsProvider;
import org.apache.http.impl.client.CloseableHttpClient;
import org.apache.http.impl.client.HttpClientBuilder;
import org.eclipse.jetty.client.BasicAuthentication;
import org.eclipse.jetty.client.ContentResponse;
import org.eclipse.jetty.client.HttpClient;
import org.eclipse.jetty.client.InputStreamRequestContent;
import org.eclipse.jetty.client.MultiPartRequestContent;
import org.eclipse.jetty.client.Request;
import org.eclipse.jetty.client.StringRequestContent;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpMethod;
import org.eclipse.jetty.http.MultiPart;

/**
 * Carries out commands from standard input, a JSON object per line, and answers each
 * with one: its result, or "feil" and why.
 */
public class Motpart {
    private final ObjectMapper json = new ObjectMapper(); // as it comes: it refuses what it does not know
    private final HttpClient jetty = new HttpClient();

    public static void main(String[] args) throws Exception {
        Motpart m = new Motpart();
        m.jetty.start();
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            Object answer;
            try {
                answer = m.run(m.json.readTree(line));
            } catch (Exception e) {
                answer = Map.of("feil", e.toString());
            }
            out.println(m.json.writeValueAsString(answer));
        }
        m.jetty.stop();
    }

    private Object run(JsonNode c) throws Exception {
        return switch (c.get("gjor").asText()) {
            case "send" -> send(c);
            case "apache" -> apache(c);
            case "dekrypter" -> decrypt(c);
            case "zip" -> unzip(Path.of(c.get("inn").asText()), Path.of(c.get("ut").asText()));
            case "strengt" -> {
                json.readValue(c.get("json").asText(), V1.type(c.get("type").asText()));
                yield Map.of();
            }
            default -> throw new IllegalArgumentException("unknown command");
        };
    }

    /** Sends a forsendelse and its files with Jetty's client; without "forsendelse", an empty POST. */
    private Object send(JsonNode c) throws Exception {
        Request request = jetty.newRequest(c.get("url").asText()).method(HttpMethod.POST).idleTimeout(1, TimeUnit.MINUTES);
        if (c.hasNonNull("bruker")) {
            new BasicAuthentication.BasicResult(URI.create(c.get("url").asText()), c.get("bruker").asText(), c.get("passord").asText()).apply(request);
        }
        if (c.hasNonNull("hoder")) {
            c.get("hoder").fields().forEachRemaining(h -> request.headers(f -> f.put(h.getKey(), h.getValue().asText())));
        }
        MultiPartRequestContent body = new MultiPartRequestContent();
        if (c.hasNonNull("forsendelse")) {
            String type = c.path("type").asText("");
            String text = c.get("forsendelse").asText();
            body.addPart(new MultiPart.ContentSourcePart("forsendelse", null, null,
                    type.isEmpty() ? new StringRequestContent(text) : new StringRequestContent(type, text)));
            for (JsonNode file : c.get("filer")) {
                String fileType = file.path("type").asText("");
                HttpFields fields = fileType.isEmpty() ? null : HttpFields.build().add(HttpHeader.CONTENT_TYPE, fileType);
                body.addPart(new MultiPart.ContentSourcePart(file.get("navn").asText(), file.get("filnavn").asText(), fields,
                        new InputStreamRequestContent(Files.newInputStream(Path.of(file.get("fil").asText())))));
            }
            body.close();
            request.body(body);
        }
        ContentResponse response = request.send();
        return Map.of("status", response.getStatus(), "kropp", response.getContentAsString(),
                "type", c.hasNonNull("forsendelse") ? body.getContentType() : "");
    }

    /** A request that holds its credentials back until it is challenged. */
    private Object apache(JsonNode c) throws Exception {
        URI url = URI.create(c.get("url").asText());
        BasicCredentialsProvider credentials = new BasicCredentialsProvider();
        credentials.setCredentials(new AuthScope(url.getHost(), url.getPort()),
                new UsernamePasswordCredentials(c.get("bruker").asText(), c.get("passord").asText()));
        HttpUriRequest request = c.get("metode").asText().equals("POST") ? new HttpPost(url) : new HttpGet(url);
        try (CloseableHttpClient client = HttpClientBuilder.create().setDefaultCredentialsProvider(credentials).build();
             CloseableHttpResponse response = client.execute(request)) {
            byte[] body = response.getEntity() == null ? new byte[0] : response.getEntity().getContent().readAllBytes();
            Files.write(Path.of(c.get("fil").asText()), body);
            String name = "";
            if (response.getFirstHeader("Content-disposition") != null) {
                name = response.getFirstHeader("Content-disposition").getElements()[0].getParameterByName("filename").getValue();
            }
            String type = response.getEntity() == null || response.getEntity().getContentType() == null ? "" : response.getEntity().getContentType().getValue();
            return Map.of("status", response.getStatusLine().getStatusCode(), "type", type, "filnavn", name);
        }
    }

    /** Decrypts with KS's library and a key in PEM. */
    private Object decrypt(JsonNode c) throws Exception {
        String pem = Files.readString(Path.of(c.get("nokkel").asText())).replaceAll("-----[A-Z ]+-----|\\s", "");
        PrivateKey key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        try (InputStream in = Files.newInputStream(Path.of(c.get("inn").asText()));
             OutputStream out = Files.newOutputStream(Path.of(c.get("ut").asText()));
             InputStream plain = new CMSKrypteringImpl().dekrypterData(in, key)) {
            plain.transferTo(out);
        }
        return Map.of();
    }

    /** Unpacks from front to back, as a stream; the entries become the files 0, 1, ... of a folder. */
    private Object unzip(Path in, Path out) throws Exception {
        List<String> names = new ArrayList<>();
        try (ZipInputStream zip = new ZipInputStream(Files.newInputStream(in), StandardCharsets.UTF_8)) {
            for (ZipEntry entry; (entry = zip.getNextEntry()) != null; ) {
                Files.copy(zip, out.resolve(String.valueOf(names.size())));
                names.add(entry.getName());
            }
        }
        return Map.of("navn", names);
    }

    /** The answers of REST v1, with the fields that KS's client knows and no others. */
    static final class V1 {
        enum Status {
            MOTTATT, AKSEPTERT, AVVIST, VARSLET, LEST, SENDT_PRINT, PRINTET, MANUELT_HANDTERT, SENDT_DIGITALT, SENDT_SDP, LEVERT_SDP,
            KLAR_FOR_MOTTAK, IKKE_LEVERT
        }

        record Id(UUID id) { }

        record ForsendelseStatus(Id forsendelsesId, Date sisteStatusEndring, Status status) { }

        record Statuser(List<ForsendelseStatus> statuser) { }

        record Hendelse(String tidspunkt, String hendelse) { }

        record Historikk(List<Hendelse> hendelsesLogger) { }

        record Signering(String tidspunkt, String type, String hendelse) { }

        record Signeringshistorikk(Id forsendelsesId, List<Signering> logg) { }

        record Ekstra(String key, String value) { }

        record Dokument(String mimeType, String filnavn, boolean kanSigneres, boolean inneholderPersonsensitivInformasjon, Long sizeInBytes,
                        String sha256hash, String dokumentType, String nedlasningsUrl, String signeringsUrl, List<Ekstra> ekstraMetadata) { }

        record Dokumenter(List<Dokument> dokumentMetadata) { }

        record Typer(List<String> forsendelseTyper) { }

        record Mottakersystem(String organisasjonsNummer, String forsendelsesType, String mottakerSystem, String mottakerId, int niva) { }

        record Mottakersystemer(List<Mottakersystem> treff) { }

        record Ider(List<Id> forsendelseIder) { }

        record Feil(String errorcode, String message) { }

        static Class<?> type(String name) throws ClassNotFoundException {
            return Class.forName(V1.class.getName() + "$" + name);
        }
    }
}
