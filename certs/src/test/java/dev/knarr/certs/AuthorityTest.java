// SPDX-License-Identifier: Apache-2.0
package dev.knarr.certs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class AuthorityTest {
  private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
  private static final Duration YEAR = Duration.ofDays(365);
  private static final Leaf LEAF =
      Leaf.ofPeer(
          "glm-a100",
          List.of("*.glm-a100.default.svc", "glm.lan"),
          List.of("10.0.0.7", "fd00::7"),
          Duration.ofDays(90));

  private final Authority authority = Authority.make("Knarr CA", NOW, YEAR);

  @Nested
  class GivenANewAuthority {
    @Test
    void whenItSigns_thenTheCertificateSaysWhatWasAskedFor() throws Exception {
      var issued = authority.issue(LEAF, NOW);

      assertThat(Authority.hasSigned(authority.certificate(), issued.certificate())).isTrue();
      assertThat(issued.certificate().getExtendedKeyUsage())
          .containsExactly("1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2");
      assertThat(names(issued.certificate()))
          .containsExactly("*.glm-a100.default.svc", "glm.lan", "10.0.0.7", "fd00:0:0:0:0:0:0:7");
      assertThat(issued.certificate().getBasicConstraints()).isNegative();
      assertThat(issued.made()).isEqualTo(NOW);
      assertThat(issued.expires()).isEqualTo(NOW.plus(Duration.ofDays(90)));
      issued.certificate().checkValidity(Date.from(NOW.minusSeconds(3_000)));
    }

    private static List<String> names(X509Certificate certificate) throws Exception {
      return Objects.requireNonNull(certificate.getSubjectAlternativeNames()).stream()
          .map(name -> List.copyOf(name).get(1).toString())
          .toList();
    }

    @Test
    void whenALeafIsForClients_thenItIsForNothingElse() throws Exception {
      var issued = authority.issue(Leaf.ofClient("head", YEAR), NOW);

      assertThat(issued.certificate().getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.2");
      assertThat(issued.certificate().getSubjectAlternativeNames()).isNull();
    }

    @Test
    void whenALeafWouldOutliveIt_thenItEndsWithIt() {
      var issued = authority.issue(LEAF, NOW.plus(Duration.ofDays(300)));

      assertThat(issued.expires()).isEqualTo(authority.own().expires());
    }

    @Test
    void whenAnotherOfTheSameNameIsMade_thenNeitherHasSignedForTheOther() {
      var other = Authority.make("Knarr CA", NOW, YEAR);

      assertThat(other.certificate().getSubjectX500Principal())
          .isNotEqualTo(authority.certificate().getSubjectX500Principal());
      assertThat(Authority.hasSigned(other.certificate(), authority.issue(LEAF, NOW).certificate()))
          .isFalse();
    }
  }

  @Nested
  class GivenTexts {
    @Test
    void whenAnAuthorityIsReadAgain_thenItSignsOn() {
      var own = authority.own();
      var read = Authority.of(KeyedCertificate.parse(own.certificatePem(), own.keyPem()));

      var issued = read.issue(LEAF, NOW);

      assertThat(Authority.hasSigned(authority.certificate(), issued.certificate())).isTrue();
    }

    @Test
    void whenABundleIsReadAndWritten_thenItIsTheSameText() {
      var bundle =
          Pem.bundle(
              List.of(
                  authority.certificate(), Authority.make("Knarr CA", NOW, YEAR).certificate()));

      assertThat(Pem.certificates(bundle)).hasSize(2);
      assertThat(Pem.bundle(Pem.certificates(bundle))).isEqualTo(bundle);
    }

    @Test
    void whenALeafIsTakenForACa_thenItIsRefused() {
      var leaf = authority.issue(LEAF, NOW);

      assertThatThrownBy(() -> Authority.of(leaf))
          .isInstanceOf(PemException.class)
          .hasMessage("is no CA's certificate");
    }

    @Test
    void whenTheKeyIsAnothers_thenItIsRefused() {
      var one = authority.issue(LEAF, NOW);
      var other = authority.issue(LEAF, NOW);

      assertThatThrownBy(() -> KeyedCertificate.parse(one.certificatePem(), other.keyPem()))
          .isInstanceOf(PemException.class)
          .hasMessage("is the key of another certificate");
    }

    @Test
    void whenATextIsCutOrAnother_thenItIsRefused() {
      var leaf = authority.issue(LEAF, NOW);
      var text = leaf.certificatePem();
      int middle = text.length() / 2;

      for (var damaged :
          List.of(
              "",
              "GGUF",
              text.substring(0, middle),
              text.substring(0, middle) + "!" + text.substring(middle),
              text.substring(0, middle) + text.substring(middle + 65),
              leaf.keyPem())) {
        assertThatThrownBy(() -> Pem.certificates(damaged))
            .as(damaged)
            .isInstanceOf(PemException.class);
      }
      assertThatThrownBy(() -> Pem.key(text)).isInstanceOf(PemException.class);
      assertThatThrownBy(() -> Pem.key(leaf.keyPem().replaceFirst("\nM", "\nA")))
          .isInstanceOf(PemException.class);
    }

    @Test
    void whenOneIsPrinted_thenItsKeyIsNot() {
      var leaf = authority.issue(LEAF, NOW);

      assertThat(leaf.toString()).isEqualTo("CN=glm-a100 until 2027-02-20T12:00:00Z");
    }
  }
}
