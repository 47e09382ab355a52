// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.certs.Authority;
import dev.knarr.certs.KeyedCertificate;
import dev.knarr.certs.Pem;
import dev.knarr.operator.ClusterNames;
import dev.knarr.operator.tls.ClusterCertificates.Data;
import dev.knarr.operator.tls.ClusterCertificates.Desired;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClusterCertificatesTest {
  private static final Instant NOW = Instant.parse("2026-11-22T12:00:00Z");
  private static final Duration PROPAGATION = Duration.ofSeconds(150);

  /** Certificates count whole seconds. */
  private static final Duration KNOWN = PROPAGATION.plusSeconds(1);

  private static final Lifetimes LIFETIMES =
      new Lifetimes(Duration.ofDays(365), Duration.ofDays(90), PROPAGATION);
  private static final ClusterNames NAMES = new ClusterNames("glm", "models");
  private static final List<String> GROUPS = List.of("a100", "cpu");

  private static Desired look(Data before, Instant now, String... groups) {
    return ClusterCertificates.desired(NAMES, List.of(groups), before, LIFETIMES, now);
  }

  private static Desired look(Data before, Instant now) {
    return ClusterCertificates.desired(NAMES, GROUPS, before, LIFETIMES, now);
  }

  private static KeyedCertificate leaf(Data data, String part) {
    return KeyedCertificate.parse(
        text(data.certificates(), part + ".crt"), text(data.certificates(), part + ".key"));
  }

  private static String text(Map<String, String> data, String key) {
    assertThat(data).containsKey(key);
    return data.getOrDefault(key, "");
  }

  private static List<X509Certificate> trusted(Data data) {
    return Pem.certificates(text(data.certificates(), "ca.crt"));
  }

  private static X509Certificate signer(Data data) {
    return Pem.certificates(text(data.authority(), "ca.crt")).getFirst();
  }

  private static boolean isOf(X509Certificate authority, Data data, String part) {
    return Authority.hasSigned(authority, leaf(data, part).certificate());
  }

  private static Data with(Data data, String key, String text) {
    var certificates = new HashMap<>(data.certificates());
    certificates.put(key, text);
    return new Data(data.authority(), certificates);
  }

  private static Data without(Data data, String key) {
    var certificates = new HashMap<>(data.certificates());
    certificates.remove(key);
    return new Data(data.authority(), certificates);
  }

  @Nested
  class GivenANewCluster {
    private final Desired made = look(Data.NONE, NOW);

    @Test
    void whenItIsLookedAt_thenThereIsACaAndALeafForEachPart() throws Exception {
      assertThat(made.data().authority()).containsOnlyKeys("ca.crt", "ca.key");
      assertThat(made.data().certificates())
          .containsOnlyKeys(
              "ca.crt", "head.crt", "head.key", "a100.crt", "a100.key", "cpu.crt", "cpu.key");
      assertThat(trusted(made.data())).containsExactly(signer(made.data()));
      for (var part : List.of("head", "a100", "cpu")) {
        assertThat(isOf(signer(made.data()), made.data(), part)).as(part).isTrue();
      }
      var worker = leaf(made.data(), "a100").certificate();
      assertThat(String.valueOf(worker.getSubjectAlternativeNames()))
          .isEqualTo("[[2, *.glm-a100.models.svc], [2, glm-a100.models.svc]]");
      assertThat(worker.getExtendedKeyUsage()).hasSize(2);
      assertThat(leaf(made.data(), "head").certificate().getExtendedKeyUsage()).hasSize(1);
    }

    @Test
    void whenNothingIsDue_thenEveryByteStays() {
      for (var later : List.of(Duration.ZERO, KNOWN, Duration.ofDays(59))) {
        var again = look(made.data(), NOW.plus(later));

        assertThat(again.data()).isEqualTo(made.data());
        assertThat(again.changes()).isEmpty();
        assertThat(again.due()).isAfter(NOW.plus(later));
      }
    }

    @Test
    void whenTwoThirdsOfALeafHavePassed_thenItIsRenewedWithAnotherKeyAndTheCaStays() {
      var again = look(made.data(), NOW.plus(Duration.ofDays(60)));

      assertThat(again.data().authority()).isEqualTo(made.data().authority());
      assertThat(trusted(again.data())).containsExactly(signer(made.data()));
      assertThat(leaf(again.data(), "a100").expires()).isEqualTo(NOW.plus(Duration.ofDays(150)));
      assertThat(leaf(again.data(), "a100").key()).isNotEqualTo(leaf(made.data(), "a100").key());
      assertThat(look(made.data(), NOW.plus(Duration.ofDays(59))).due())
          .isEqualTo(NOW.plus(Duration.ofDays(60)));
    }

    @Test
    void whenAGroupIsAdded_thenOnlyItsLeafIsNew() {
      var again = look(made.data(), NOW.plusSeconds(9_000), "a100", "cpu", "more");

      var expected = new HashMap<>(made.data().certificates());
      expected.put("more.crt", text(again.data().certificates(), "more.crt"));
      expected.put("more.key", text(again.data().certificates(), "more.key"));
      assertThat(again.data().certificates()).isEqualTo(expected);
      assertThat(again.changes())
          .containsExactly("The certificate of more was made: there was none");
    }

    @Test
    void whenAGroupIsGone_thenItsLeafIsGone() {
      assertThat(look(made.data(), NOW, "cpu").data().certificates())
          .containsOnlyKeys("ca.crt", "head.crt", "head.key", "cpu.crt", "cpu.key");
    }

    @Test
    void whenALeafIsForOtherNames_thenItIsMadeAnew() {
      var swapped =
          with(
              with(made.data(), "cpu.crt", text(made.data().certificates(), "a100.crt")),
              "cpu.key",
              text(made.data().certificates(), "a100.key"));

      var again = look(swapped, NOW);

      assertThat(again.changes())
          .containsExactly("The certificate of cpu was made: its names have changed");
    }

    @ParameterizedTest
    @CsvSource({"cpu.crt", "cpu.key", "head.crt", "head.key"})
    void whenAnEntryIsMissingDamagedOrAnothers_thenItsPairIsMadeAnew(String key) {
      var other = look(Data.NONE, NOW).data();
      var part = key.substring(0, key.indexOf('.'));
      for (var damaged :
          List.of(
              without(made.data(), key),
              with(made.data(), key, "GGUF"),
              with(made.data(), key, text(other.certificates(), key)))) {
        var again = look(damaged, NOW);

        assertThat(isOf(signer(made.data()), again.data(), part)).isTrue();
        assertThat(again.changes())
            .containsExactly("The certificate of %s was made: there was none".formatted(part));
      }
    }

    @Test
    void whenTheBundleIsDamaged_thenItIsWrittenAgain() {
      assertThat(look(with(made.data(), "ca.crt", "GGUF"), NOW).data()).isEqualTo(made.data());
    }

    @Test
    void whenAStrangersCaIsInTheBundle_thenItGoes() {
      var stranger = signer(look(Data.NONE, NOW).data());
      var bundle = Pem.bundle(List.of(signer(made.data()), stranger));

      var again = look(with(made.data(), "ca.crt", bundle), NOW.plus(KNOWN));

      assertThat(again.data()).isEqualTo(made.data());
    }

    @Test
    void whenItIsPrinted_thenNoKeyIs() {
      assertThat(made.toString()).doesNotContain("BEGIN").doesNotContain("bytes");
    }
  }

  @Nested
  class GivenACaThatHasToBeFollowed {
    private final Instant due = NOW.plus(Duration.ofDays(365).dividedBy(3).multipliedBy(2));
    private final Data before;
    private final X509Certificate old;

    GivenACaThatHasToBeFollowed() {
      var data = Data.NONE;
      for (var now = NOW; now.isBefore(due); ) {
        var seen = look(data, now);
        data = seen.data();
        now = seen.due();
      }
      before = data;
      old = signer(before);
    }

    @Test
    void whenItIsDue_thenTheNextIsTrustedAndSignsNothing() {
      var announced = look(before, due);

      assertThat(announced.data().authority())
          .containsOnlyKeys("ca.crt", "ca.key", "next.crt", "next.key");
      assertThat(signer(announced.data())).isEqualTo(old);
      assertThat(trusted(announced.data())).hasSize(2).contains(old);
      assertThat(isOf(old, announced.data(), "a100")).isTrue();
      assertThat(announced.due()).isEqualTo(due.plus(KNOWN));
    }

    @Test
    void whenAGroupIsAddedMeanwhile_thenTheOldOneSignsForIt() {
      var announced = look(before, due);
      var meanwhile = look(announced.data(), due.plusSeconds(100), "a100", "cpu", "more");

      assertThat(isOf(old, meanwhile.data(), "more")).isTrue();
    }

    @Test
    void whenAllPodsKnowTheNext_thenItSignsEveryLeafAndTheOldOneIsStillTrusted() {
      var announced = look(before, due);
      var signed = look(announced.data(), due.plus(KNOWN));

      var current = signer(signed.data());
      assertThat(current).isNotEqualTo(old);
      assertThat(signed.data().authority()).containsOnlyKeys("ca.crt", "ca.key");
      assertThat(trusted(signed.data())).containsExactly(current, old);
      for (var part : List.of("head", "a100", "cpu")) {
        assertThat(isOf(current, signed.data(), part)).as(part).isTrue();
      }
      assertThat(signed.due()).isEqualTo(due.plus(KNOWN.multipliedBy(2)));
    }

    @Test
    void whenAllPodsShowLeavesOfTheNext_thenTheOldOneIsNotTrustedAnyMore() {
      var announced = look(before, due);
      var signed = look(announced.data(), due.plus(KNOWN));
      var early = look(signed.data(), due.plus(KNOWN.multipliedBy(2)).minusSeconds(1));
      var dropped = look(signed.data(), due.plus(KNOWN.multipliedBy(2)));

      assertThat(early.data()).isEqualTo(signed.data());
      assertThat(trusted(dropped.data())).containsExactly(signer(signed.data()));
      assertThat(dropped.changes()).containsExactly("An old CA is not trusted any more");
    }

    @Test
    void whenTheOperatorWasAwayForLong_thenItStillWaitsForThePods() {
      var late = due.plus(Duration.ofDays(20));
      var announced = look(before, late);

      assertThat(isOf(old, announced.data(), "cpu")).isTrue();
      assertThat(announced.due()).isEqualTo(late.plus(KNOWN));
    }

    /** The Secret of the pods is written first; the operator may end between the two. */
    @Test
    void whenTheCasSecretWasNotWritten_thenItComesToTheSameEnd() {
      var announced = look(before, due);
      var half = new Data(before.authority(), announced.data().certificates());
      var again = look(half, due.plusSeconds(60));
      assertThat(again.due()).isEqualTo(due.plusSeconds(60).plus(KNOWN));

      var signed = look(again.data(), again.due());
      var halfSigned = new Data(again.data().authority(), signed.data().certificates());
      var signedAgain = look(halfSigned, again.due().plusSeconds(1));

      assertThat(signedAgain.data()).isEqualTo(signed.data());
    }
  }

  @Nested
  class GivenALostCa {
    private final Data before = look(Data.NONE, NOW).data();
    private final X509Certificate old = signer(before);
    private final Instant later = NOW.plusSeconds(86_400);

    @Test
    void whenTheSecretIsGoneOrDamaged_thenLeavesAreOnlyReplacedWhenPodsKnowTheNewOne() {
      for (var authority :
          List.of(
              Map.<String, String>of(),
              Map.of("ca.crt", "GGUF", "ca.key", "GGUF"),
              Map.of(
                  "ca.crt", text(before.certificates(), "a100.crt"),
                  "ca.key", text(before.certificates(), "a100.key")))) {
        var announced = look(new Data(authority, before.certificates()), later);

        assertThat(trusted(announced.data())).containsExactly(signer(announced.data()), old);
        assertThat(leaf(announced.data(), "cpu")).isEqualTo(leaf(before, "cpu"));
        assertThat(announced.due()).isEqualTo(later.plus(KNOWN));
        var signed = look(announced.data(), announced.due());
        assertThat(isOf(signer(announced.data()), signed.data(), "cpu")).isTrue();
        assertThat(trusted(signed.data())).contains(old);
        var dropped = look(signed.data(), signed.due());
        assertThat(trusted(dropped.data())).containsExactly(signer(announced.data()));
      }
    }

    @Test
    void whenEverythingHasExpired_thenEverythingIsMadeAtOnce() {
      var late = NOW.plus(Duration.ofDays(400));
      var again = look(before, late);

      assertThat(signer(again.data())).isNotEqualTo(old);
      assertThat(isOf(signer(again.data()), again.data(), "cpu")).isTrue();
      assertThat(trusted(look(again.data(), late.plus(KNOWN)).data()))
          .containsExactly(signer(again.data()));
    }
  }

  /** Pods that are always late, by as much as they may be, over many renewals. */
  @Nested
  class GivenPodsThatReadLate {
    @ParameterizedTest
    @CsvSource({"180,180,150", "180,180,10", "90,30,150", "31536000,7776000,150", "60,600,5"})
    void whenTimePasses_thenAnyTwoAlwaysAcceptEachOther(int authority, int leaf, int propagation) {
      var lifetimes =
          new Lifetimes(
              Duration.ofSeconds(authority),
              Duration.ofSeconds(leaf),
              Duration.ofSeconds(propagation));
      var seen = new ArrayList<Desired>();
      var times = new ArrayList<Instant>();
      var authorities = new HashSet<X509Certificate>();
      var data = Data.NONE;
      for (var now = NOW; authorities.size() < 4; now = seen.getLast().due()) {
        seen.add(ClusterCertificates.desired(NAMES, GROUPS, data, lifetimes, now));
        times.add(now);
        data = seen.getLast().data();
        authorities.add(signer(data));
        assertThat(trusted(data)).hasSizeLessThanOrEqualTo(3);
        // What a pod may still show or trust: all that has been replaced for less than it may take.
        var alive = new ArrayList<Data>();
        for (int i = 0; i < seen.size(); i++) {
          boolean last = i == seen.size() - 1;
          var end = last ? now : times.get(i + 1).plus(lifetimes.propagation());
          if (last || end.isAfter(now)) {
            alive.add(seen.get(i).data());
            requireValid(seen.get(i).data(), end);
          }
        }
        for (var other : alive) {
          requireAccepted(other, data);
          requireAccepted(data, other);
        }
      }
    }

    private static void requireValid(Data shown, Instant end) {
      for (var part : List.of("head", "a100")) {
        assertThat(leaf(shown, part).expires()).as(part).isAfterOrEqualTo(end);
      }
    }

    private static void requireAccepted(Data shown, Data trusting) {
      for (var part : List.of("head", "a100")) {
        assertThat(trusted(trusting)).as(part).anyMatch(authority -> isOf(authority, shown, part));
      }
    }
  }

  @Nested
  class GivenAGroupThatCannotBe {
    @ParameterizedTest
    @ValueSource(strings = {"ca", "head"})
    void whenItsEntriesWouldBeOthers_thenItIsRefused(String group) {
      assertThatThrownBy(() -> look(Data.NONE, NOW, group))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(group);
    }
  }

  @Nested
  class GivenLifetimesThatCannotBe {
    @Test
    void whenOneIsNotPositive_thenTheSentenceNamesTheSetting() {
      assertThatThrownBy(() -> new Lifetimes(Duration.ZERO, Duration.ofDays(1), PROPAGATION))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("knarr.operator.tls.ca-lifetime PT0S");
    }
  }
}
