import javax.ws.rs.client.Client;
import javax.ws.rs.client.ClientBuilder;
import javax.ws.rs.client.Entity;
import javax.ws.rs.client.Invocation;
import javax.ws.rs.client.WebTarget;
import javax.ws.rs.core.GenericType;
import javax.ws.rs.core.MediaType;
import java.io.InputStream;
import java.util.List;
import org.glassfish.jersey.client.ClientProperties;
import org.glassfish.jersey.client.RequestEntityProcessing;
import org.glassfish.jersey.media.multipart.FormDataMultiPart;
import org.glassfish.jersey.media.multipart.MultiPart;
import org.glassfish.jersey.media.multipart.MultiPartFeature;
import org.glassfish.jersey.media.multipart.file.StreamDataBodyPart;

/**
 * The calls by Jersey, whose Jackson is as it comes: it refuses members that it does not
 * know. Its client, which producers give, tells the length of what it sends unless it is
 * set to send in chunks.
 */
final class Rest {
    private final Client klient = ClientBuilder.newClient().register(MultiPartFeature.class);
    private final String base, integrasjonId, integrasjonPassord;

    Rest(String base, String integrasjonId, String integrasjonPassord, boolean iBolker) {
        if (iBolker) {
            klient.property(ClientProperties.REQUEST_ENTITY_PROCESSING, RequestEntityProcessing.CHUNKED);
        }
        this.base = base + "/bekymringsmelding";
        this.integrasjonId = integrasjonId;
        this.integrasjonPassord = integrasjonPassord;
    }

    List<Produsent.Bydel> bydeler(String token, String versjon, String kommune) {
        return kall(token, "api/" + versjon + "/kommuner", kommune, "bydeler").get().readEntity(new GenericType<List<Produsent.Bydel>>() {});
    }

    Produsent.Nokler nokler(String token, String versjon, String kommune, String bydel) {
        return kall(token, "api/" + versjon + "/mottak/fagsystem", kommune, bydel, "krypteringsnokler").get().readEntity(Produsent.Nokler.class);
    }

    /** As the client: always to offentlig, and the status of the answer is never looked at. */
    Produsent.Kvittering send(String token, String versjon, String org, String kommune, String bydel, InputStream pdf, InputStream zip) {
        MultiPart deler = new FormDataMultiPart().bodyPart(new StreamDataBodyPart("bekymringsmelding", pdf, "bekymringsmelding.pdf"))
            .bodyPart(new StreamDataBodyPart("asice", zip, "asice.zip"));
        return kall(token, "/api/" + versjon + "/mottak/fagsystem", org, kommune, bydel, "offentlig")
            .post(Entity.entity(deler, deler.getMediaType())).readEntity(Produsent.Kvittering.class);
    }

    List<Produsent.Hendelse> status(String token, String versjon, String org, String id) {
        return kall(token, "api/" + versjon + "/mottak/fagsystem", org, "bekymringsmelding", id, "status").get()
            .readEntity(new GenericType<List<Produsent.Hendelse>>() {});
    }

    private Invocation.Builder kall(String token, String... sti) {
        WebTarget t = klient.target(base);
        for (String s : sti) {
            t = t.path(s);
        }
        return t.request(MediaType.APPLICATION_JSON_TYPE).header("IntegrasjonId", integrasjonId)
            .header("IntegrasjonPassord", integrasjonPassord).header("Authorization", "Bearer " + token);
    }
}
