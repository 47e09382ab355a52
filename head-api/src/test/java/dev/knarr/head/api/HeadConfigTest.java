// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.knarr.plan.FlashAttention;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HeadConfigTest {

  private static final String WHOLE =
      """
      {
        "identity": {"clusterUid": "c-1", "revision": "r-1"},
        "model": {"name": "demo", "path": "/models/demo.gguf", "draftPath": "/models/draft.gguf"},
        "context": {"length": 1024, "parallelSequences": 2, "keyType": "q8_0", "flashAttention": "On"},
        "workers": [{"name": "cpu-0", "address": "127.0.0.1:50052", "otherAddresses": ["10.0.0.1:50052", "127.0.0.1:50052"]}],
        "tls": {"authority": "/ca.pem", "certificate": "/head.pem", "key": "/head.key"},
        "split": {"mode": "Layer", "devices": [{"name": "cpu-0/0", "layers": 8}]},
        "llamaServer": {"program": "/usr/bin/llama-server", "arguments": ["--jinja"]},
        "http": {"host": "0.0.0.0", "port": 8080},
        "management": {"host": "0.0.0.0", "port": 9000},
        "apiKeyFile": "/keys",
        "drainSeconds": 600,
        "limits": {"workersSeconds": -1, "replanSeconds": 90}
      }
      """;

  @TempDir Path folder;

  private HeadConfig read(String json) throws IOException {
    return HeadConfig.read(Files.writeString(folder.resolve("head.json"), json));
  }

  @Nested
  class GivenAWholeFile {

    @Test
    void whenItIsRead_thenEveryFieldIsThere() throws IOException {
      HeadConfig config = read(WHOLE);

      assertThat(config.model().path()).isEqualTo(Path.of("/models/demo.gguf"));
      assertThat(config.model().projectorPath()).isNull();
      assertThat(config.context().keyType()).isEqualTo("q8_0");
      assertThat(config.context().valueType()).isEqualTo("f16");
      assertThat(config.context().flashAttention()).isEqualTo(FlashAttention.ON);
      assertThat(config.split().mode()).isEqualTo(HeadConfig.SplitMode.LAYER);
      assertThat(config.llamaServer().threads()).isEqualTo(1);
      assertThat(config.workers().getFirst().port()).isEqualTo(50052);
      assertThat(config.workers().getFirst().ways())
          .containsExactly(
              new HeadConfig.Worker("cpu-0", "127.0.0.1:50052"),
              new HeadConfig.Worker("cpu-0", "10.0.0.1:50052"));
      assertThat(config.tls())
          .isEqualTo(
              new HeadConfig.Tls(Path.of("/ca.pem"), Path.of("/head.pem"), Path.of("/head.key")));
      assertThat(config.identity()).isEqualTo(new Identity("c-1", "r-1"));
      assertThat(config.management().host()).isEqualTo("0.0.0.0");
      assertThat(config.drain()).isEqualTo(Duration.ofMinutes(10));
      assertThat(config.limits().stopSeconds()).isPositive();
      assertThat(config.limits().workers()).isEmpty();
      assertThat(config.limits().recovery()).isPresent();
      assertThat(config.limits().replan()).contains(Duration.ofSeconds(90));
    }

    @Test
    void whenItIsWrittenAgain_thenItReadsTheSame() throws IOException {
      HeadConfig config = read(WHOLE);

      assertThat(read(config.toJson())).isEqualTo(config);
    }
  }

  @Nested
  class GivenAProgramByName {

    @Test
    void whenItIsWrittenAndRead_thenItIsStillAPlainName() throws IOException {
      HeadConfig config = read(WHOLE.replace("/usr/bin/llama-server", "llama-server"));

      assertThat(read(config.toJson()).llamaServer().program()).isEqualTo(Path.of("llama-server"));
    }
  }

  @Nested
  class GivenAMistake {

    @Test
    void whenALimitIsNegative_thenItIsSaid() {
      refused(
          WHOLE.replace("{\"workersSeconds\": -1", "{\"stallSeconds\": -1"), "limit is negative");
      refused(WHOLE.replace("Seconds\": 90", "Seconds\": 0"), "replanSeconds is 0: give 1 or more");
      refused(WHOLE.replace("600", "-1"), "drainSeconds is -1");
    }

    @Test
    void whenAFieldIsUnknown_thenFileFieldAndTheKnownOnesAreNamed() {
      refused(WHOLE.replace("\"keyType\"", "\"keytype\""), "context.keytype", "unknown", "keyType");
    }

    @Test
    void whenSomethingIsMissing_thenItIsNamed() {
      refused(WHOLE.replace("\"name\": \"demo\", ", ""), "model: name is missing");
      refused("{\"model\": {\"name\": \"a\", \"path\": \"b\"}}", "workers is missing");
    }

    @Test
    void whenAnAddressIsNone_thenItIsNamedWithItsPlace() {
      refused(WHOLE.replace("127.0.0.1:50052", "127.0.0.1"), "workers[0]", "give host:port");
      refused(WHOLE.replace("127.0.0.1:50052", "a:70000"), "workers[0]", "give host:port");
    }

    @Test
    void whenTwoWorkersShareAName_thenItIsSaid() {
      refused(
          WHOLE.replace(
              "\"workers\": [",
              "\"workers\": [{\"name\": \"cpu-0\", \"address\": \"127.0.0.1:1\"}, "),
          "two entries named cpu-0");
    }

    @Test
    void whenACertificateHasNoKey_thenItIsSaid() {
      refused(
          WHOLE.replace(", \"key\": \"/head.key\"", ""), "tls: certificate and key go together");
    }

    @Test
    void whenALimitOfTheEndpointIsNegative_thenItIsSaid() {
      refused(
          WHOLE.replace("\"port\": 8080", "\"port\": 8080, \"waitSeconds\": -1"),
          "http: a limit of the endpoint is negative");
    }

    @Test
    void whenItIsNoJson_thenTheLineIsNamed() {
      refused("{\n  model", "line 2");
    }

    @Test
    void whenThereIsNoFile_thenItIsSaid() {
      assertThatThrownBy(() -> HeadConfig.read(folder.resolve("none.json")))
          .isInstanceOf(HeadException.class)
          .hasMessageContaining("none.json")
          .hasMessageContaining("no such file");
    }

    private void refused(String json, String... parts) {
      assertThatThrownBy(() -> read(json))
          .isInstanceOf(HeadException.class)
          .hasMessageContaining("head.json")
          .hasMessageContainingAll(parts)
          .extracting(e -> ((HeadException) e).reason())
          .isEqualTo(HeadReason.CONFIG_INVALID);
    }
  }
}
