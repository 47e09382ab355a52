// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.worker.LogLines;
import dev.knarr.worker.server.CommandLog.Scope;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class CommandLogTest {
  private static final InetAddress NEAR = InetAddress.ofLiteral("10.0.0.3");
  private static final InetAddress FAR = InetAddress.ofLiteral("fd00::7");
  private static final Scope EVERYBODY = new Scope(OptionalInt.empty(), Optional.empty());
  private static final Scope THIRD = new Scope(OptionalInt.of(3), Optional.empty());
  private static final Scope NEARBY = new Scope(OptionalInt.empty(), Optional.of(NEAR));

  private long now = 42;
  private final CommandLog log = new CommandLog(() -> now);

  private void pass(Duration time) {
    now += time.toNanos();
  }

  @Test
  void whenItIsOff_thenNobodyIsLogged() {
    assertThat(log.isOn()).isFalse();
    assertThat(log.take(3, NEAR)).isFalse();
  }

  @Test
  void whenItIsOnForOneConnection_thenNoOtherIsLogged() {
    log.switchOn(THIRD, Duration.ofSeconds(60));

    assertThat(log.isOn()).isTrue();
    assertThat(log.take(3, FAR)).isTrue();
    assertThat(log.take(4, FAR)).isFalse();
  }

  @Test
  void whenItIsOnForAPeer_thenAllItsConnectionsAreLoggedAndNoOthers() {
    log.switchOn(NEARBY, Duration.ofSeconds(60));

    assertThat(log.take(1, NEAR)).isTrue();
    assertThat(log.take(9, NEAR)).isTrue();
    assertThat(log.take(2, FAR)).isFalse();
  }

  @Test
  void whenItsTimeIsOver_thenItIsOff() {
    log.switchOn(THIRD, Duration.ofSeconds(60));
    log.switchOn(NEARBY, Duration.ofSeconds(90));

    pass(Duration.ofSeconds(60));

    assertThat(log.take(3, FAR)).isFalse();
    assertThat(log.take(3, NEAR)).isTrue();
    log.expire();
    assertThat(log.isOn()).isTrue();
    pass(Duration.ofSeconds(30));
    log.expire();
    assertThat(log.isOn()).isFalse();
  }

  @Test
  void whenItIsSwitchedOnAgain_thenTheNewTimeCounts() {
    log.switchOn(THIRD, Duration.ofSeconds(60));
    pass(Duration.ofSeconds(59));

    log.switchOn(THIRD, Duration.ofSeconds(60));
    pass(Duration.ofSeconds(59));

    assertThat(log.take(3, NEAR)).isTrue();
  }

  @Test
  void whenItIsSwitchedOff_thenItIsOffForEverybody() {
    log.switchOn(THIRD, Duration.ofSeconds(60));
    log.switchOn(EVERYBODY, Duration.ofSeconds(60));

    log.switchOff();

    assertThat(log.isOn()).isFalse();
  }

  @Test
  void whenThereAreTooManyLinesInASecond_thenTheyAreLeftOutAndCounted() {
    log.switchOn(EVERYBODY, Duration.ofSeconds(60));
    for (int i = 0; i < CommandLog.LINES_PER_SECOND; i++) {
      assertThat(log.take(1, NEAR)).isTrue();
    }

    assertThat(log.take(1, NEAR)).isFalse();
    assertThat(log.take(2, FAR)).isFalse();
    pass(Duration.ofSeconds(1));
    assertThat(log.take(1, NEAR)).isTrue();

    try (var lines = LogLines.of(CommandLog.class.getName())) {
      log.switchOff();
      assertThat(lines.all()).singleElement().asString().contains("; 2 lines were left out");
    }
  }

  @Test
  void whenTheTimeIsAbsurd_thenItIsRefused() {
    assertThatThrownBy(() -> log.switchOn(THIRD, Duration.ZERO))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("A command log of 0 s is not possible: 1 to 3600");
    assertThatThrownBy(() -> log.switchOn(THIRD, CommandLog.LONGEST.plusSeconds(1)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(log.isOn()).isFalse();
  }
}
