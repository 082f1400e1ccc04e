import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import com.rabbitmq.client.PossibleAuthenticationFailureException;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;

/**
 * Consumes one queue the way the Fiks IO client does, with RabbitMQ's own library, and
 * prints what it sees, one line each, for the Go test that drives it.
 *
 * Arguments: host, port, user, password, queue, plain|tls.
 */
public class Consumer {
    private static void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static ConnectionFactory factory(String[] args, String password) throws Exception {
        ConnectionFactory f = new ConnectionFactory();
        f.setHost(args[0]);
        f.setPort(Integer.parseInt(args[1]));
        f.setUsername(args[2]);
        f.setPassword(password);
        f.setAutomaticRecoveryEnabled(true);
        f.setNetworkRecoveryInterval(200);
        f.setRequestedHeartbeat(1);
        if (args[5].equals("tls")) {
            f.useSslProtocol(SSLContext.getDefault()); // javax.net.ssl.trustStore
        }
        return f;
    }

    public static void main(String[] args) throws Exception {
        String queue = args[4];
        try {
            factory(args, "wrong " + args[3]).newConnection("refused");
            say("login with a wrong password succeeded");
        } catch (PossibleAuthenticationFailureException e) {
            say("refused: " + e.getMessage());
        }

        Connection connection = factory(args, args[3]).newConnection("Java interop");
        Channel channel = connection.createChannel();
        channel.basicQos(10);
        CountDownLatch end = new CountDownLatch(1);
        String tag = channel.basicConsume(queue, false, "", false, false, null, new DefaultConsumer(channel) {
            @Override
            public void handleDelivery(String consumerTag, Envelope e, AMQP.BasicProperties p, byte[] body)
                    throws IOException {
                String text = body.length > 100 ? body.length + " bytes" : new String(body, "UTF-8");
                Map<String, Object> headers = p.getHeaders();
                boolean key = e.getRoutingKey().equals(queue) && e.getExchange().isEmpty();
                long t = e.getDeliveryTag();
                if (text.startsWith("nack")) {
                    channel.basicNack(t, false, false);
                } else if (text.startsWith("again") && !e.isRedeliver()) {
                    channel.basicNack(t, false, true);
                } else if (text.startsWith("hold") && !e.isRedeliver()) {
                    // kept until the connection is lost
                } else {
                    channel.basicAck(t, false);
                }
                channel.basicQos(10); // the broker has read the settlement
                say("got " + text + (e.isRedeliver() ? " again" : "") + ", key " + key + ", type "
                        + (headers == null ? null : headers.get("type")) + ", expiration " + p.getExpiration());
                if (text.equals("end")) {
                    end.countDown();
                }
            }
        });
        say("consuming, server-made tag: " + tag.startsWith("amq.ctag-"));
        if (!end.await(60, TimeUnit.SECONDS)) {
            say("the end did not come");
            System.exit(1);
        }

        Thread.sleep(3500); // more than three heartbeat intervals in silence
        say("open after silence: " + connection.isOpen());

        refused(connection, "unknown queue", c -> c.basicConsume(queue + "0", new DefaultConsumer(c)));
        refused(connection, "publish", c -> {
            c.basicPublish("", queue, null, new byte[1]);
            c.basicQos(1);
        });
        refused(connection, "unknown tag", c -> {
            c.basicAck(99, false);
            c.basicQos(1);
        });
        channel.close();
        connection.close();
        say("closed");
    }

    private interface Action {
        void on(Channel c) throws Exception;
    }

    private static void refused(Connection connection, String what, Action action) throws Exception {
        Channel c = connection.createChannel();
        try {
            action.on(c);
            say(what + ": not refused");
        } catch (IOException | AlreadyClosedException e) {
            Throwable cause = e instanceof ShutdownSignalException ? e : e.getCause();
            AMQP.Channel.Close close = (AMQP.Channel.Close) ((ShutdownSignalException) cause).getReason();
            say(what + ": " + close.getReplyCode() + " " + close.getReplyText() + " (" + close.getClassId() + "/"
                    + close.getMethodId() + ")");
        }
    }
}
