// {{title}}
// {{scenario}}
//
// JDK 17 or newer, nothing to install:
//   platen credentials --format json > credentials.json
//   java -Dfile.encoding=UTF-8 Call.java

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
{{key}}
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
{{end}}
import java.security.SecureRandom;
{{key}}
import java.security.spec.MGF1ParameterSpec;
{{end}}
{{response}}
import java.security.spec.PKCS8EncodedKeySpec;
{{end}}
{{request}}
import java.security.spec.X509EncodedKeySpec;
{{end}}
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
{{request}}
import java.util.Arrays;
{{end}}
import java.util.Base64;
import java.util.regex.Pattern;
{{key}}
import javax.crypto.Cipher;
{{end}}
import javax.crypto.Mac;
{{key}}
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.OAEPParameterSpec;
import javax.crypto.spec.PSource;
{{end}}
import javax.crypto.spec.SecretKeySpec;

import static java.nio.charset.StandardCharsets.UTF_8;

public class Call {
    static final String ORIGIN =
        System.getenv().getOrDefault("PLATEN_URL", "http://127.0.0.1:8080");
    static final String PATH = "{{path}}";
    static final String CLEAR = """
        {{body}}
        """;
    static final SecureRandom RANDOM = new SecureRandom();
{{key}}
    // Both in full: "OAEPWithSHA-256AndMGF1Padding" alone would take SHA-1 for MGF1.
    static final OAEPParameterSpec OAEP = new OAEPParameterSpec(
        "SHA-256", "MGF1", MGF1ParameterSpec.SHA256, PSource.PSpecified.DEFAULT);
{{end}}

    public static void main(String[] args) throws Exception {
        String keys = Files.readString(Path.of("credentials.json"));
{{request}}
        String body = "{\"encData\":\"" + encrypt(CLEAR, string(keys, "serverPublicKey")) + "\"}";
{{end}}
{{plain}}
        String body = CLEAR;
{{end}}
        String time = LocalDateTime.now(ZoneOffset.UTC)
            .format(DateTimeFormatter.ofPattern("yyyyMMddHHmmssSSS"));
        Mac hmac = Mac.getInstance("HmacSHA256");
        hmac.init(new SecretKeySpec(string(keys, "secretKey").getBytes(UTF_8), "HmacSHA256"));
        String mac = Base64.getEncoder().encodeToString(hmac.doFinal(body.getBytes(UTF_8)));
        HttpRequest request = HttpRequest.newBuilder(URI.create(ORIGIN + PATH))
            .timeout(Duration.ofSeconds(60))
            .header("Content-Type", "application/json")
            .header("X-KM-User-AspId", string(keys, "aspId"))
            // A new one for each new call; the same call again (no answer came) keeps its own.
            .header("X-KM-Correlation-Id",
                time.substring(2, 14) + String.format("-%07x", RANDOM.nextInt(1 << 28)))
            .header("X-KM-Access-Key", string(keys, "accessKey"))
{{key}}
            .header("X-KM-Crypto-Key-Id", string(keys, "cryptoKeyId"))
{{end}}
            .header("X-KM-Tran-Token", "KMV1:" + time + ":" + mac)
            .header("X-KM-Tran-Time", time.substring(0, 14))
            .header("X-KM-Time-Zone", "UTC")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
        HttpResponse<String> answer =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()
                .send(request, HttpResponse.BodyHandlers.ofString(UTF_8));
        String text = answer.body();
{{response}}
        String encData = string(text, "encData");
        if (encData != null) { // codes of 000_9xx always come in clear
            text = decrypt(encData, string(keys, "clientPrivateKey"));
        }
{{end}}
        System.out.println("HTTP " + answer.statusCode() + ", code " + string(text, "code"));
        System.out.println(text);
    }

    /** The first string of this name; the JDK has no JSON, and these strings escape but `\n`. */
    static String string(String json, String name) {
        var found = Pattern.compile("\"" + name + "\"\\s*:\\s*\"([^\"]*)\"").matcher(json);
        return found.find() ? found.group(1).replace("\\n", "\n") : null;
    }
{{request}}

    /** A compact JWE: the text under a new AES key, and that key under the platform's RSA key. */
    static String encrypt(String clear, String pem) throws GeneralSecurityException {
        byte[] key = new byte[32];
        byte[] iv = new byte[12];
        RANDOM.nextBytes(key);
        RANDOM.nextBytes(iv);
        Cipher rsa = Cipher.getInstance("RSA/ECB/OAEPPadding");
        rsa.init(Cipher.ENCRYPT_MODE,
            KeyFactory.getInstance("RSA").generatePublic(new X509EncodedKeySpec(der(pem))), OAEP);
        String header = base64("{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\"}".getBytes(UTF_8));
        byte[] sealed = gcm(Cipher.ENCRYPT_MODE, key, iv, header).doFinal(clear.getBytes(UTF_8));
        int end = sealed.length - 16; // the tag stands behind the text
        return String.join(".", header, base64(rsa.doFinal(key)), base64(iv),
            base64(Arrays.copyOf(sealed, end)),
            base64(Arrays.copyOfRange(sealed, end, sealed.length)));
    }

    static String base64(byte[] bytes) {
        return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    }
{{end}}
{{response}}

    /** The text in a compact JWE that came for our private key. */
    static String decrypt(String jwe, String pem) throws GeneralSecurityException {
        String[] parts = jwe.split("\\.");
        Base64.Decoder base64 = Base64.getUrlDecoder();
        Cipher rsa = Cipher.getInstance("RSA/ECB/OAEPPadding");
        rsa.init(Cipher.DECRYPT_MODE,
            KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(der(pem))), OAEP);
        byte[] key = rsa.doFinal(base64.decode(parts[1]));
        Cipher aes = gcm(Cipher.DECRYPT_MODE, key, base64.decode(parts[2]), parts[0]);
        aes.update(base64.decode(parts[3])); // held back until the tag is checked
        return new String(aes.doFinal(base64.decode(parts[4])), UTF_8);
    }
{{end}}
{{key}}

    static Cipher gcm(int mode, byte[] key, byte[] iv, String header)
            throws GeneralSecurityException {
        Cipher aes = Cipher.getInstance("AES/GCM/NoPadding");
        aes.init(mode, new SecretKeySpec(key, "AES"), new GCMParameterSpec(128, iv));
        aes.updateAAD(header.getBytes(UTF_8));
        return aes;
    }

    static byte[] der(String pem) {
        return Base64.getMimeDecoder().decode(pem.replaceAll("-----.*-----", ""));
    }
{{end}}
}
