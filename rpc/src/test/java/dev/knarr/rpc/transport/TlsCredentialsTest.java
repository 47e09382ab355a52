// SPDX-License-Identifier: Apache-2.0
package dev.knarr.rpc.transport;

import static org.assertj.core.api.Assertions.assertThat;

import dev.knarr.certs.Authority;
import dev.knarr.certs.KeyedCertificate;
import dev.knarr.certs.Leaf;
import dev.knarr.testkit.kube.SecretVolume;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TlsCredentialsTest {
  private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
  private static final Authority AUTHORITY = Authority.make("ca", NOW, Duration.ofDays(30));

  private static KeyedCertificate leaf(int days) {
    return AUTHORITY.issue(Leaf.ofClient("head", Duration.ofDays(days)), NOW);
  }

  private static Map<String, String> entries(KeyedCertificate leaf) {
    return Map.of(
        "tls.crt",
        leaf.certificatePem(),
        "tls.key",
        leaf.keyPem(),
        "ca.crt",
        AUTHORITY.own().certificatePem());
  }

  private static final class Heard implements TlsCredentials.Renewal {
    private final AtomicInteger renewals = new AtomicInteger();
    private final List<String> failures = new ArrayList<>();

    @Override
    public void renewed() {
      renewals.incrementAndGet();
    }

    @Override
    public void failed(String why) {
      failures.add(why);
    }
  }

  @Nested
  class GivenASecretThatIsMounted {
    @TempDir private Path folder;
    private final Heard heard = new Heard();

    private TlsCredentials load(SecretVolume volume) {
      return TlsCredentials.load(
          new TlsFiles(volume.path("tls.crt"), volume.path("tls.key"), volume.path("ca.crt")),
          Duration.ofSeconds(10),
          heard);
    }

    @Test
    void whenItIsReplaced_thenTheNewFilesAreUsed() {
      var volume = SecretVolume.at(folder);
      volume.put(entries(leaf(1)));
      var credentials = load(volume);
      for (int days = 2; days < 5; days++) {
        volume.put(entries(leaf(days)));

        assertThat(credentials.expiry()).contains(NOW.plus(Duration.ofDays(days)));
      }
      assertThat(heard.renewals).hasValue(3);
      assertThat(heard.failures).isEmpty();
    }

    /** Two versions' certificate and key do not belong together. */
    @Test
    void whenItIsReplacedWhileItIsRead_thenNoHalfOfItIsTakenForAFailure() {
      var volume = SecretVolume.at(folder);
      var versions = List.of(entries(leaf(1)), entries(leaf(2)));
      volume.put(versions.getFirst());
      var credentials = load(volume);
      var writer =
          CompletableFuture.runAsync(
              () -> {
                for (int i = 0; i < 300; i++) {
                  volume.put(versions.get(i % 2));
                }
              });
      while (!writer.isDone()) {
        assertThat(credentials.expiry()).isPresent();
      }
      writer.join();

      assertThat(heard.failures).isEmpty();
      assertThat(credentials.expiry()).contains(NOW.plus(Duration.ofDays(2)));
    }
  }
}
