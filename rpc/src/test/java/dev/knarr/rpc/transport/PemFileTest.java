// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.transport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Keys as openssl writes them, in every form there is. */
class PemFileTest {
  @TempDir private static Path folder;

  @BeforeAll
  static void requireOpenssl() {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/openssl")), "openssl is not on this machine");
  }

  private static Path openssl(String out, String... arguments)
      throws IOException, InterruptedException {
    var command = new ArrayList<>(List.of("/usr/bin/openssl"));
    command.addAll(List.of(arguments));
    command.addAll(List.of("-out", folder.resolve(out).toString()));
    var process = new ProcessBuilder(command).redirectErrorStream(true).start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return folder.resolve(out);
  }

  private static Path certificate(Path key) throws IOException, InterruptedException {
    return openssl(
        key.getFileName() + ".pem",
        "req",
        "-x509",
        "-new",
        "-key",
        key.toString(),
        "-subj",
        "/CN=x",
        "-days",
        "9");
  }

  @Nested
  class GivenAKeyOfOpenssl {
    @ParameterizedTest
    @CsvSource({
      "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048, PRIVATE KEY",
      "genrsa -traditional 2048, RSA PRIVATE KEY",
      "genrsa -traditional 4096, RSA PRIVATE KEY",
      "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256, PRIVATE KEY",
      "ecparam -name prime256v1 -genkey -noout, EC PRIVATE KEY",
      "ecparam -name secp384r1 -genkey, EC PRIVATE KEY",
      "genpkey -algorithm ED25519, PRIVATE KEY",
    })
    void whenItIsRead_thenItIsThatOfItsCertificate(String how, String label) throws Exception {
      var key = openssl(how.replaceAll("\\W", "_"), command(how));
      assertThat(key).content().contains("-----BEGIN " + label);
      var owner = PemFile.certificates(certificate(key)).getFirst();

      var read = PemFile.key(key, owner);

      assertThat(read.getAlgorithm()).isEqualTo(owner.getPublicKey().getAlgorithm());
    }

    /** genrsa wants its size last, behind -out. */
    private static String[] command(String how) {
      return how.startsWith("genrsa")
          ? new String[] {
            "rsa", "-traditional", "-in", rsa(how.substring(how.lastIndexOf(' ') + 1))
          }
          : how.split(" ");
    }

    private static String rsa(String bits) {
      try {
        return openssl(
                "rsa-" + bits,
                "genpkey",
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:" + bits)
            .toString();
      } catch (IOException e) {
        throw new IllegalStateException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }

    @Test
    void whenItIsEncrypted_thenTheSentenceSaysHowToDecrypt() throws Exception {
      var plain = openssl("plain", "genpkey", "-algorithm", "ED25519");
      var owner = PemFile.certificates(certificate(plain)).getFirst();
      var encrypted =
          openssl("encrypted", "pkcs8", "-topk8", "-in", plain.toString(), "-passout", "pass:x");

      assertThatThrownBy(() -> PemFile.key(encrypted, owner))
          .isInstanceOf(TlsFileException.class)
          .hasMessageContaining("openssl pkcs8 -in");
    }

    @Test
    void whenItIsDamaged_thenTheSentenceNamesIt() throws Exception {
      var key = openssl("whole", "genpkey", "-algorithm", "ED25519");
      var owner = PemFile.certificates(certificate(key)).getFirst();
      var text = Files.readString(key);
      var half = Files.writeString(folder.resolve("half"), text.replaceFirst("MC4C", "MC4D"));

      assertThatThrownBy(() -> PemFile.key(half, owner))
          .isInstanceOf(TlsFileException.class)
          .hasMessageContaining("half");
    }
  }
}
