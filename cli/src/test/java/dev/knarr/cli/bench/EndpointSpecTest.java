// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.cli.bench.EndpointSpec.Address;
import dev.knarr.cli.bench.EndpointSpec.Knarr;
import dev.knarr.cli.bench.EndpointSpec.Local;
import dev.knarr.cli.bench.EndpointSpec.Running;
import dev.knarr.cli.bench.EndpointSpec.Stock;
import dev.knarr.cli.bench.EndpointSpec.Way;
import dev.knarr.cli.local.OptionException;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EndpointSpecTest {
  private static final Address FIRST = new Address("h1", 50052, OptionalInt.empty());
  private static final Address SECOND = new Address("h2", 50053, OptionalInt.of(9053));

  @Test
  void whenAListIsGiven_thenItsPartsAreNamedByWhatTheyAre() {
    assertThat(EndpointSpec.parseList("stock, knarr,local,four=knarr --threads 4 --device CPU"))
        .containsExactly(
            new EndpointSpec("stock", Way.DIRECT, new Stock(1)),
            new EndpointSpec("knarr", Way.DIRECT, new Knarr(1, List.of())),
            new EndpointSpec("local", Way.DIRECT, new Local()),
            new EndpointSpec(
                "four", Way.DIRECT, new Knarr(1, List.of("--threads", "4", "--device", "CPU"))));
  }

  @Test
  void whenSeveralAreAskedFor_thenTheyAreOneEndpoint() {
    assertThat(EndpointSpec.parse("2 stock"))
        .isEqualTo(new EndpointSpec("stock-2", Way.DIRECT, new Stock(2)));
    assertThat(EndpointSpec.parse("router 4 knarr --threads 1"))
        .isEqualTo(
            new EndpointSpec("knarr-4", Way.ROUTER, new Knarr(4, List.of("--threads", "1"))));
    assertThatThrownBy(() -> EndpointSpec.parse("2 local")).isInstanceOf(OptionException.class);
    assertThatThrownBy(() -> EndpointSpec.parse("0 stock")).isInstanceOf(OptionException.class);
  }

  @Test
  void whenAddressesAreGiven_thenTheyAreOneEndpoint() {
    assertThat(EndpointSpec.parse("two=h1:50052, h2:50053@9053"))
        .isEqualTo(new EndpointSpec("two", Way.DIRECT, new Running(List.of(FIRST, SECOND))));
  }

  @Test
  void whenAnAddressHasNoName_thenItIsItsOwn() {
    assertThat(EndpointSpec.parse("h1:50052"))
        .isEqualTo(new EndpointSpec("h1:50052", Way.DIRECT, new Running(List.of(FIRST))));
  }

  @Test
  void whenAnAddressIsOfTheSixthVersion_thenItsBracketsStay() {
    assertThat(Address.parse("[fe80::1]:50052").rpc()).isEqualTo("[fe80::1]:50052");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "stok",
        "h1",
        "h1:",
        "h1:0",
        "h1:65536",
        "h1:1@0",
        "h1:1,,h2:1",
        "a=",
        "a=b=local"
      })
  void whenItIsNoEndpoint_thenTheMessageShowsWhatWasWritten(String text) {
    assertThatThrownBy(() -> EndpointSpec.parse(text))
        .isInstanceOf(OptionException.class)
        .hasMessageContaining("'");
  }

  @Test
  void whenARelayIsToStandInFront_thenTheRestIsAsWithoutIt() {
    assertThat(EndpointSpec.parse("via=relay knarr --threads 2"))
        .isEqualTo(new EndpointSpec("via", Way.RELAY, new Knarr(1, List.of("--threads", "2"))));
    assertThat(EndpointSpec.parse("relay h1:50052"))
        .isEqualTo(new EndpointSpec("h1:50052", Way.RELAY, new Running(List.of(FIRST))));
    assertThat(EndpointSpec.parse("tls h1:50052"))
        .isEqualTo(new EndpointSpec("h1:50052", Way.TLS, new Running(List.of(FIRST))));
    assertThat(EndpointSpec.parse("router h1:50052"))
        .isEqualTo(new EndpointSpec("h1:50052", Way.ROUTER, new Running(List.of(FIRST))));
    assertThat(EndpointSpec.parse("tls router h1:50052"))
        .isEqualTo(new EndpointSpec("h1:50052", Way.TLS_ROUTER, new Running(List.of(FIRST))));
    assertThatThrownBy(() -> EndpointSpec.parse("relay local"))
        .isInstanceOf(OptionException.class)
        .hasMessageContaining("nothing to relay");
  }

  @Test
  void whenStockGetsOptions_thenTheyAreRefused() {
    assertThatThrownBy(() -> EndpointSpec.parse("stock -c"))
        .isInstanceOf(OptionException.class)
        .hasMessageContaining("only knarr takes options");
  }
}
