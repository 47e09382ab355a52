// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.UnknownHostException;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

class ConnectionLimitTest {
  private final ConnectionLimit places = new ConnectionLimit(4, 3);

  private static InetAddress address(String text) {
    try {
      return InetAddress.getByName(text);
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private void fill(String text, int count) {
    for (int i = 0; i < count; i++) {
      assertThat(places.take(address(text))).isEmpty();
    }
  }

  @Nested
  class GivenAnAddressWithAllItMayHave {
    @Test
    void whenItComesAgain_thenItIsToldWhatToDoAndOthersHavePlaces() {
      fill("10.0.0.1", 3);

      assertThat(places.take(address("10.0.0.1")).orElseThrow())
          .contains("10.0.0.1 has 3 connections", "knarr.worker.max-connections-per-address");
      assertThat(places.take(address("10.0.0.2"))).isEmpty();
    }

    @Test
    void whenItGivesOneBack_thenItMayComeAgain() {
      fill("10.0.0.1", 3);

      places.give(address("10.0.0.1"));

      assertThat(places.take(address("10.0.0.1"))).isEmpty();
    }

    @Test
    void whenItHasAWholeNetworkOfIpv6_thenThatIsOneAddress() {
      fill("2001:db8::1", 1);
      fill("2001:db8::2", 1);
      fill("2001:db8::ffff:3", 1);

      assertThat(places.take(address("2001:db8::4")).orElseThrow())
          .contains("2001:db8:0:0:0:0:0:0/64");
      assertThat(places.take(address("2001:db8:0:1::1"))).isEmpty();
    }
  }

  @Nested
  class GivenAFullHouse {
    @Test
    void whenAnyoneComes_thenItIsSaidWhoHasThePlacesAndWhatToDo() {
      fill("10.0.0.1", 3);
      fill("10.0.0.2", 1);

      assertThat(places.take(address("10.0.0.3")).orElseThrow())
          .contains("all 4 places", "(3) by 10.0.0.1", "knarr.worker.max-connections");
    }
  }
}
