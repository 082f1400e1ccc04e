import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;

import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;

import no.ks.kryptering.CMSKrypteringImpl;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.cms.CMSAlgorithm;
import org.bouncycastle.cms.CMSAuthEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSEnvelopedDataGenerator;
import org.bouncycastle.cms.CMSEnvelopedDataStreamGenerator;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.RecipientInfoGenerator;
import org.bouncycastle.cms.jcajce.JceCMSContentEncryptorBuilder;
import org.bouncycastle.cms.jcajce.JceKeyTransRecipientInfoGenerator;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.OutputAEADEncryptor;
import org.bouncycastle.operator.jcajce.JcaAlgorithmParametersConverter;

/**
 * Carries out commands from standard input, one per line, for the certificate and
 * the PKCS#8 key (DER files) given as arguments. A command is a word, a tab, an input
 * file, a tab and an output file. It is answered by a line "ok", or "error" and why.
 */
public class Kryptering {
    private static final BouncyCastleProvider BC = new BouncyCastleProvider();

    private final X509Certificate certificate;
    private final PrivateKey key;
    private final CMSKrypteringImpl ks = new CMSKrypteringImpl();

    private Kryptering(Path certificate, Path key) throws Exception {
        try (InputStream in = Files.newInputStream(certificate)) {
            this.certificate = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
        this.key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Files.readAllBytes(key)));
    }

    public static void main(String[] args) throws Exception {
        Kryptering program = new Kryptering(Path.of(args[0]), Path.of(args[1]));
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = commands.readLine()) != null; ) {
            String[] words = line.split("\t");
            String answer = "ok";
            try {
                program.run(words[0], Path.of(words[1]), Path.of(words[2]));
            } catch (Exception e) {
                answer = "error " + e.toString().replace('\n', ' ');
            }
            System.out.println(answer);
        }
    }

    private void run(String command, Path input, Path output) throws Exception {
        switch (command) {
            case "encrypt" -> {
                try (InputStream in = Files.newInputStream(input); OutputStream out = Files.newOutputStream(output)) {
                    ks.krypterData(out, in, certificate);
                }
            }
            case "encrypt-stream" -> {
                try (OutputStream out = Files.newOutputStream(output)) {
                    try (OutputStream encrypted = ks.getKrypteringOutputStream(out, certificate)) {
                        Files.copy(input, encrypted);
                    }
                }
            }
            case "encrypt-array" -> Files.write(output, ks.krypterData(Files.readAllBytes(input), certificate));
            case "decrypt" -> {
                try (InputStream in = Files.newInputStream(input); OutputStream out = Files.newOutputStream(output);
                     InputStream plain = ks.dekrypterData(in, key)) {
                    plain.transferTo(out);
                }
            }
            case "decrypt-array" -> Files.write(output, ks.dekrypterData(Files.readAllBytes(input), key));
            case "bc-dotnet" -> stream(input, output, 1000, CMSAlgorithm.AES256_CBC, pkcs1(), oaep("SHA-256", "SHA-256"));
            case "bc-ski" -> stream(input, output, 4096, CMSAlgorithm.AES256_CBC,
                    new JceKeyTransRecipientInfoGenerator(ski(), certificate.getPublicKey()).setProvider(BC));
            case "bc-aes128-sha1" -> array(input, output, CMSAlgorithm.AES128_CBC, oaep("SHA-1", "SHA-1"));
            case "bc-aes192-sha512-sha1" -> array(input, output, CMSAlgorithm.AES192_CBC, oaep("SHA-512", "SHA-1"));
            case "bc-aes256-sha384" -> array(input, output, CMSAlgorithm.AES256_CBC, oaep("SHA-384", "SHA-384"));
            case "bc-gcm" -> {
                CMSAuthEnvelopedDataGenerator generator = new CMSAuthEnvelopedDataGenerator();
                generator.addRecipientInfoGenerator(oaep("SHA-256", "SHA-256"));
                OutputAEADEncryptor encryptor = (OutputAEADEncryptor)
                        new JceCMSContentEncryptorBuilder(CMSAlgorithm.AES256_GCM).setProvider(BC).build();
                Files.write(output, generator.generate(new CMSProcessableByteArray(Files.readAllBytes(input)), encryptor).getEncoded());
            }
            default -> throw new IOException("unknown command " + command);
        }
    }

    private void stream(Path input, Path output, int chunk, ASN1ObjectIdentifier algorithm, RecipientInfoGenerator... recipients) throws Exception {
        CMSEnvelopedDataStreamGenerator generator = new CMSEnvelopedDataStreamGenerator();
        generator.setBufferSize(chunk);
        for (RecipientInfoGenerator recipient : recipients) {
            generator.addRecipientInfoGenerator(recipient);
        }
        try (OutputStream out = Files.newOutputStream(output);
             OutputStream encrypted = generator.open(out, new JceCMSContentEncryptorBuilder(algorithm).setProvider(BC).build())) {
            Files.copy(input, encrypted);
        }
    }

    private void array(Path input, Path output, ASN1ObjectIdentifier algorithm, RecipientInfoGenerator recipient) throws Exception {
        CMSEnvelopedDataGenerator generator = new CMSEnvelopedDataGenerator();
        generator.addRecipientInfoGenerator(recipient);
        Files.write(output, generator.generate(new CMSProcessableByteArray(Files.readAllBytes(input)),
                new JceCMSContentEncryptorBuilder(algorithm).setProvider(BC).build()).toASN1Structure().getEncoded("DER"));
    }

    private RecipientInfoGenerator pkcs1() throws Exception {
        return new JceKeyTransRecipientInfoGenerator(certificate).setProvider(BC);
    }

    private RecipientInfoGenerator oaep(String hash, String mgf) throws Exception {
        AlgorithmIdentifier algorithm = new JcaAlgorithmParametersConverter().getAlgorithmIdentifier(
                org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers.id_RSAES_OAEP,
                new OAEPParameterSpec(hash, "MGF1", new MGF1ParameterSpec(mgf), PSource.PSpecified.DEFAULT));
        return new JceKeyTransRecipientInfoGenerator(certificate, algorithm).setProvider(BC);
    }

    /** The subject key identifier as in the certificate: SHA-1 of the public key bits. */
    private byte[] ski() throws Exception {
        return MessageDigest.getInstance("SHA-1").digest(
                org.bouncycastle.asn1.x509.SubjectPublicKeyInfo.getInstance(certificate.getPublicKey().getEncoded()).getPublicKeyData().getBytes());
    }
}
