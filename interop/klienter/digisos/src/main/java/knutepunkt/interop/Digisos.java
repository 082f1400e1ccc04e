package knutepunkt.interop;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import no.ks.fiks.maskinporten.Maskinportenklient;
import no.ks.fiks.maskinporten.MaskinportenklientProperties;
import no.ks.fiks.streaming.klient.FilForOpplasting;
import no.ks.fiks.streaming.klient.HttpHeader;
import no.ks.fiks.streaming.klient.KlientHttpException;
import no.ks.fiks.streaming.klient.KlientResponse;
import no.ks.fiks.streaming.klient.MultipartContentProviderBuilder;
import no.ks.fiks.streaming.klient.StreamingKlient;
import no.ks.fiks.streaming.klient.authentication.IntegrasjonAuthenticationStrategy;
import no.ks.kryptering.CMSKrypteringImpl;
import org.eclipse.jetty.http.HttpMethod;

/**
 * A fagsystem uploads files to a case with the first generation of KS's streaming and
 * Maskinporten clients. The argument is a file of JSON: {baseUrl, tokenEndpoint,
 * audience, key, certificate, integrasjonId, integrasjonPassord, fiksOrgId, digisosId,
 * filer: [path]}. It prints the DokumentInfo list, and then what an unknown case answers.
 */
public final class Digisos {
    public static void main(String[] args) throws Exception {
        ObjectMapper json = new ObjectMapper();
        JsonNode o = json.readTree(Path.of(args[0]).toFile());
        Maskinportenklient maskinporten = new Maskinportenklient(nokkel(o.get("key").asText()), sertifikat(Files.readAllBytes(Path.of(o.get("certificate").asText()))),
            MaskinportenklientProperties.builder().audience(o.get("audience").asText()).tokenEndpoint(o.get("tokenEndpoint").asText())
                .issuer("fagsystem").numberOfSecondsLeftBeforeExpire(10).timeoutMillis(10_000).build());
        StreamingKlient klient = new StreamingKlient(new IntegrasjonAuthenticationStrategy(maskinporten,
            UUID.fromString(o.get("integrasjonId").asText()), o.get("integrasjonPassord").asText()));
        String base = o.get("baseUrl").asText();
        List<HttpHeader> headere = List.of(HttpHeader.builder().headerName("requestid").headerValue(UUID.randomUUID().toString()).build());

        X509Certificate mottaker = sertifikat(klient.sendGetRawContentRequest(HttpMethod.GET, base, "/digisos/api/v1/dokumentlager-public-key", headere).getResult());
        for (String digisosId : new String[] {o.get("digisosId").asText(), UUID.randomUUID().toString()}) {
            MultipartContentProviderBuilder deler = new MultipartContentProviderBuilder();
            List<FilForOpplasting<Object>> filer = new ArrayList<>();
            for (JsonNode f : o.get("filer")) {
                byte[] data = Files.readAllBytes(Path.of(f.asText()));
                ByteArrayOutputStream kryptert = new ByteArrayOutputStream();
                new CMSKrypteringImpl().krypterData(kryptert, new ByteArrayInputStream(data), mottaker);
                String navn = Path.of(f.asText()).getFileName().toString();
                Object metadata = Map.of("filnavn", navn, "mimetype", "application/pdf", "storrelse", data.length);
                filer.add(FilForOpplasting.builder().filnavn(navn).metadata(metadata).data(new ByteArrayInputStream(kryptert.toByteArray())).build());
            }
            deler.addFileData(filer);
            try {
                KlientResponse<List<Map<String, Object>>> svar = klient.sendRequest(deler.build(), HttpMethod.POST, base,
                    "/digisos/api/v1/" + o.get("fiksOrgId").asText() + "/" + digisosId + "/filer", headere, new TypeReference<List<Map<String, Object>>>() {});
                System.out.println(json.writeValueAsString(svar.getResult()));
            } catch (KlientHttpException e) {
                System.out.println(e.getStatus());
            }
        }
        System.exit(0); // the client leaves threads behind
    }

    static PrivateKey nokkel(String fil) throws Exception {
        String pem = Files.readString(Path.of(fil)).replaceAll("-----[A-Z ]+-----", "");
        return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(pem)));
    }

    static X509Certificate sertifikat(byte[] data) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(data));
    }
}
