package knutepunkt.interop;

import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

import no.difi.asic.AsicReader;
import no.difi.asic.AsicReaderFactory;
import no.difi.asic.AsicWriter;
import no.difi.asic.AsicWriterFactory;
import no.difi.asic.SignatureHelper;
import no.difi.asic.SignatureMethod;
import no.ks.fiks.io.asice.AsicHandler;
import no.ks.fiks.io.asice.model.Content;
import no.ks.fiks.io.asice.model.KeystoreHolder;
import no.ks.fiks.io.asice.model.StreamContent;

/**
 * Drives the released Java libraries from the command line, one call a run:
 *
 * <pre>
 * pack    OUT STORE PASSWORD ALIAS CERTIFICATE FILE...   sign, pack and encrypt (fiks-io-asice-handler)
 * unpack  IN  STORE PASSWORD ALIAS KEY DIRECTORY         decrypt, verify, write the files to DIRECTORY
 * plain   OUT STORE PASSWORD ALIAS FILE...               sign and pack only (commons-asic)
 * read    IN DIRECTORY                                   verify, write the files, print name, digest and verdict
 * </pre>
 */
public final class AsicePeer {
    public static void main(String[] args) throws Exception {
        List<String> rest = List.of(args).subList(1, args.length);
        switch (args[0]) {
            case "pack" -> pack(rest);
            case "unpack" -> unpack(rest);
            case "plain" -> plain(rest);
            case "read" -> read(rest);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static void pack(List<String> a) throws Exception {
        X509Certificate certificate;
        try (InputStream in = Files.newInputStream(Path.of(a.get(4)))) {
            certificate = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
        List<Content> contents = new ArrayList<>();
        for (String f : a.subList(5, a.size())) {
            Path path = Path.of(f);
            contents.add(new StreamContent(Files.newInputStream(path), path.getFileName().toString()));
        }
        withHandler(a.get(1), a.get(2), a.get(3), null, handler -> {
            try (InputStream encrypted = handler.encrypt(certificate, contents);
                 OutputStream out = Files.newOutputStream(Path.of(a.get(0)))) {
                encrypted.transferTo(out);
            }
        });
    }

    private static void unpack(List<String> a) throws Exception {
        String pem = Files.readString(Path.of(a.get(4))).replaceAll("-----[^-]+-----|\\s", "");
        PrivateKey key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        withHandler(a.get(1), a.get(2), a.get(3), key, handler -> {
            try (InputStream in = Files.newInputStream(Path.of(a.get(0))); ZipInputStream zip = handler.decrypt(in)) {
                for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                    Path target = Path.of(a.get(5)).resolve(entry.getName());
                    Files.copy(zip, target);
                    System.out.println(entry.getName());
                }
            }
        });
    }

    private interface Work {
        void with(AsicHandler handler) throws Exception;
    }

    private static void withHandler(String store, String password, String alias, PrivateKey key, Work work) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(4);
        KeystoreHolder holder = KeystoreHolder.builder()
                .withKeyStore(load(store, password)).withKeyStorePassword(password)
                .withKeyAlias(alias).withKeyPassword(password).build();
        PrivateKey decryption = key != null ? key : (PrivateKey) load(store, password).getKey(alias, password.toCharArray());
        try (AsicHandler handler = AsicHandler.builder()
                .withExecutorService(executor).withKeyStoreHolder(holder).withPrivatNokkel(decryption).build()) {
            work.with(handler);
        } finally {
            executor.shutdownNow();
        }
    }

    private static KeyStore load(String store, String password) throws Exception {
        KeyStore keyStore = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(Path.of(store))) {
            keyStore.load(in, password.toCharArray());
        }
        return keyStore;
    }

    private static void plain(List<String> a) throws Exception {
        try (OutputStream out = Files.newOutputStream(Path.of(a.get(0)))) {
            AsicWriter writer = AsicWriterFactory.newFactory(SignatureMethod.CAdES).newContainer(out);
            for (String f : a.subList(4, a.size())) {
                writer.add(Path.of(f));
            }
            writer.sign(new SignatureHelper(load(a.get(1), a.get(2)), a.get(3), a.get(2)));
        }
    }

    private static void read(List<String> a) throws Exception {
        try (InputStream in = Files.newInputStream(Path.of(a.get(0)));
             AsicReader reader = AsicReaderFactory.newFactory(SignatureMethod.CAdES).open(in)) {
            for (String name = reader.getNextFile(); name != null; name = reader.getNextFile()) {
                if (a.get(1).equals("-")) {
                    reader.writeFile(OutputStream.nullOutputStream());
                } else {
                    reader.writeFile(Path.of(a.get(1)).resolve(name));
                }
            }
            System.out.println("root " + reader.getAsicManifest().getRootfile());
            reader.getAsicManifest().getFile().forEach(f -> System.out.println(
                    (f.isVerified() ? "verified " : "unverified ") + HexFormat.of().formatHex(f.getDigest()) + " " + f.getName()));
            System.out.println("certificates " + reader.getAsicManifest().getCertificate().size());
        }
    }
}
