// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.certs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CertificateFolderTest {
  private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");

  @TempDir private Path folder;

  private static Clock at(Instant now) {
    return Clock.fixed(now, ZoneOffset.UTC);
  }

  private CertificateFolder.Made make(String... hosts) {
    return make(NOW, hosts);
  }

  private CertificateFolder.Made make(Instant now, String... hosts) {
    return CertificateFolder.issue(
        folder.resolve("certs"), List.of(hosts).stream().map(HostName::of).toList(), at(now));
  }

  private static X509Certificate read(CertificateFolder.Party party) {
    return KeyFiles.readCertificate(party.certificate());
  }

  @Nested
  class GivenAnEmptyFolder {
    @Test
    void whenCertificatesAreMade_thenTheCaHasSignedThemForTheirHosts() throws Exception {
      var made = make("gpu-1.lan", "10.0.0.7", "fd00::7");

      assertThat(made.newAuthority()).isTrue();
      var authority = read(made.authority());
      assertThat(authority.getBasicConstraints()).isZero();
      for (var party : made.workers()) {
        var certificate = read(party);
        certificate.verify(authority.getPublicKey());
        assertThat(certificate.getExtendedKeyUsage())
            .containsExactlyInAnyOrder("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2");
      }
      assertThat(read(made.head()).getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.2");
      assertThat(names(made, 0)).containsExactly(2, "gpu-1.lan");
      assertThat(names(made, 1)).containsExactly(7, "10.0.0.7");
      assertThat(names(made, 2)).containsExactly(7, "fd00:0:0:0:0:0:0:7");
      assertThat(made.workers().get(2).key().getFileName().toString()).doesNotContain(":");
    }

    /** The kind (2 DNS, 7 address) and the name of the only subject alternative name. */
    private static List<Object> names(CertificateFolder.Made made, int worker) throws Exception {
      var names =
          Objects.requireNonNull(read(made.workers().get(worker)).getSubjectAlternativeNames());
      assertThat(names).hasSize(1);
      return List.copyOf(names.iterator().next());
    }

    @Test
    void whenKeysAreWritten_thenTheirOwnerAloneReadsThem() throws IOException {
      var made = make("gpu-1");

      for (var key :
          List.of(made.authority().key(), made.head().key(), made.workers().getFirst().key())) {
        assertThat(Files.getPosixFilePermissions(key))
            .containsExactlyInAnyOrder(
                PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);
      }
    }
  }

  @Nested
  class GivenAFolderOfBefore {
    @Test
    void whenAHostIsAdded_thenTheCaAndAllKeysStay() throws Exception {
      var before = make("gpu-1");
      var keys = List.of(before.authority().key(), before.workers().getFirst().key());
      var texts = List.of(Files.readString(keys.get(0)), Files.readString(keys.get(1)));
      var authority = read(before.authority());

      var after = make(NOW.plus(Duration.ofDays(300)), "gpu-1", "gpu-2");

      assertThat(after.newAuthority()).isFalse();
      assertThat(read(after.authority())).isEqualTo(authority);
      assertThat(List.of(Files.readString(keys.get(0)), Files.readString(keys.get(1))))
          .isEqualTo(texts);
      assertThat(after.workers().getFirst().expires())
          .isEqualTo(before.workers().getFirst().expires().plus(Duration.ofDays(300)));
      read(after.workers().get(1)).verify(authority.getPublicKey());
    }

    @Test
    void whenACertificateIsGoneAndItsKeyIsNot_thenTheKeyIsNotOverwritten() throws IOException {
      var made = make("gpu-1");
      var key = made.workers().getFirst().key();
      var text = Files.readString(key);
      Files.delete(made.workers().getFirst().certificate());

      assertThatThrownBy(() -> make("gpu-1"))
          .isInstanceOf(CertificateException.class)
          .hasMessageContaining(key.toString())
          .hasMessageContaining("not overwritten");
      assertThat(key).content().isEqualTo(text);
    }

    @Test
    void whenTheCasKeyIsGone_thenNothingIsSigned() throws IOException {
      Files.delete(make("gpu-1").authority().key());

      assertThatThrownBy(() -> make("gpu-2"))
          .isInstanceOf(CertificateException.class)
          .hasMessageContaining("ca.key");
    }

    @Test
    void whenTheCaIsAboutToEnd_thenTheSentenceSaysSo() {
      make("gpu-1");

      assertThatThrownBy(() -> make(NOW.plus(Duration.ofDays(3400)), "gpu-1"))
          .isInstanceOf(CertificateException.class)
          .hasMessageContaining("Move the folder away");
    }
  }

  @Nested
  class GivenAHostThatIsNone {
    @ParameterizedTest
    @ValueSource(strings = {"", "gpu 1", "gpu-1:50052", "-x", "a..b", "1.2.3", "300.1.1.1", "../x"})
    void whenItIsRead_thenItIsRefused(String host) {
      assertThatThrownBy(() -> HostName.of(host)).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ca", "HEAD"})
    void whenItsFilesWouldBeOthers_thenItIsRefused(String host) {
      assertThatThrownBy(() -> make(host)).isInstanceOf(CertificateException.class);
    }
  }
}
