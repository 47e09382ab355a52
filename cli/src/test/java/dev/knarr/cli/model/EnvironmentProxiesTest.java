// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.Proxy;
import java.net.URI;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EnvironmentProxiesTest {
  private static Proxy chosen(Map<String, String> environment, String url) {
    return EnvironmentProxies.of(environment).select(URI.create(url)).getFirst();
  }

  @Nested
  class GivenProxies {
    private final Map<String, String> environment =
        Map.of("HTTPS_PROXY", "http://secure:3128", "http_proxy", "plain:8080");

    @Test
    void whenAServerIsAsked_thenTheSchemeDecides() {
      assertThat(chosen(environment, "https://host/m").address().toString()).endsWith(":3128");
      assertThat(chosen(environment, "http://host/m").address().toString()).endsWith(":8080");
    }

    @Test
    void whenNoneIsNamed_thenItIsReachedDirectly() {
      assertThat(chosen(Map.of(), "https://host/m")).isEqualTo(Proxy.NO_PROXY);
    }

    @ParameterizedTest
    @ValueSource(strings = {"localhost", "127.0.0.1", "127.1.2.3", "[::1]"})
    void whenItIsThisMachine_thenItIsReachedDirectly(String host) {
      assertThat(chosen(environment, "https://" + host + ":8443/m")).isEqualTo(Proxy.NO_PROXY);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ftp://h:1", "socks5://h:1", "http:///", "a b"})
    void whenOneIsNoAddress_thenTheVariableIsNamedAndItsTextIsNot(String text) {
      assertThatThrownBy(() -> EnvironmentProxies.of(Map.of("HTTPS_PROXY", text)))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("HTTPS_PROXY")
          .hasMessageNotContaining(text);
    }
  }

  @Nested
  class GivenExceptions {
    @ParameterizedTest
    @CsvSource({
      "example.com, example.com, true",
      "example.com, a.example.com, true",
      "example.com, badexample.com, false",
      ".example.com, a.example.com, true",
      "*.example.com, a.example.com, true",
      "'.svc, .cluster.local', minio.models.svc.cluster.local, true",
      "EXAMPLE.com, Example.COM, true",
      "'*', anything, true",
      "10.0.0.0/8, 10.20.30.40, true",
      "10.0.0.0/8, 11.0.0.1, false",
      "10.20.0.0/15, 10.21.255.255, true",
      "10.20.0.0/15, 10.22.0.0, false",
      "10.0.0.7, 10.0.0.7, true",
      "fd00::/8, [fd12::1], true",
      "fd00::/8, [fe80::1], false",
      "10.0.0.0/8, host, false",
      "nonsense/8, 10.0.0.1, false",
      "'example.com:8443', example.com:8443, true",
      "'example.com:8443', example.com, false",
    })
    void whenAServerIsAsked_thenTheyDecide(String exceptions, String host, boolean direct) {
      var environment = Map.of("HTTPS_PROXY", "http://proxy:3128", "NO_PROXY", exceptions);

      assertThat(chosen(environment, "https://" + host + "/m").equals(Proxy.NO_PROXY))
          .isEqualTo(direct);
    }
  }
}
