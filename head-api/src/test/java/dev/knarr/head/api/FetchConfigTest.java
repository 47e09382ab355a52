// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FetchConfigTest {

  private static final String WHOLE =
      """
      {
        "identity": {"clusterUid": "c-1", "revision": "r-1"},
        "files": [
          {"name": "model", "target": "/models/store/model/0a/m.gguf",
           "source": {"http": {"url": "https://host/m.gguf?signature=a%20b", "headersFolder": "/headers"}}},
          {"name": "draft", "target": "/models/store/draft/0b/d.gguf",
           "source": {"huggingFace": {"repo": "owner/name", "file": "d.gguf", "tokenFile": "/token"}}},
          {"name": "projector", "source": {"path": "/models/projector/p.gguf"}}
        ],
        "caBundle": "/ca.crt"
      }
      """;

  @TempDir Path folder;

  private FetchConfig read(String json) throws IOException {
    return FetchConfig.read(Files.writeString(folder.resolve("fetch.json"), json));
  }

  @Nested
  class GivenAWholeFile {

    @Test
    void whenItIsRead_thenEveryFieldIsThere() throws IOException {
      FetchConfig config = read(WHOLE);

      assertThat(config.identity()).isEqualTo(new Identity("c-1", "r-1"));
      assertThat(config.caBundle()).isEqualTo(Path.of("/ca.crt"));
      assertThat(config.files())
          .containsExactly(
              new FetchConfig.Item(
                  "model",
                  FetchConfig.Source.of(
                      new FetchConfig.Http(
                          URI.create("https://host/m.gguf?signature=a%20b"),
                          List.of(),
                          Path.of("/headers"))),
                  Path.of("/models/store/model/0a/m.gguf")),
              new FetchConfig.Item(
                  "draft",
                  FetchConfig.Source.of(
                      new FetchConfig.HuggingFace(
                          "owner/name", "d.gguf", "main", null, null, Path.of("/token"))),
                  Path.of("/models/store/draft/0b/d.gguf")),
              new FetchConfig.Item(
                  "projector", FetchConfig.Source.of(Path.of("/models/projector/p.gguf")), null));
    }

    @Test
    void whenItIsWrittenAgain_thenItReadsTheSame() throws IOException {
      FetchConfig config = read(WHOLE);

      assertThat(read(config.toJson())).isEqualTo(config);
    }
  }

  @Nested
  class GivenAMistake {

    @Test
    void whenASourceIsTwoOrNone_thenItIsSaid() {
      refused("{\"path\": \"/m\", \"http\": {\"url\": \"http://h/m\"}}", "has to be one of");
      refused("{}", "has to be one of");
    }

    @Test
    void whenAFetchedFileHasNoTarget_thenItIsSaid() {
      refused("{\"http\": {\"url\": \"http://h/m\"}}", "files[0]", "target is missing");
    }

    private void refused(String source, String... parts) {
      assertThatThrownBy(
              () -> read("{\"files\": [{\"name\": \"model\", \"source\": " + source + "}]}"))
          .isInstanceOf(HeadException.class)
          .hasMessageContaining("Fetch configuration")
          .hasMessageContaining("fetch.json")
          .hasMessageContainingAll(parts);
    }
  }

  @Nested
  class GivenAResult {

    @ParameterizedTest
    @ValueSource(strings = {"x", "ä", "\"", "\u0001", "漢"})
    void whenItsSentenceIsEndless_thenItFitsATerminationLogAndIsStillJson(String character)
        throws IOException {
      FetchResult result =
          new FetchResult(FetchReason.MODEL_NOT_FOUND, character.repeat(20_000), 7);

      String json = result.toJson();

      assertThat(json.getBytes(StandardCharsets.UTF_8)).hasSizeBetween(2_000, 4096);
      assertThat(FetchResult.parse(json).reason()).isEqualTo(FetchReason.MODEL_NOT_FOUND);
      assertThat(FetchResult.parse(json).message()).startsWith(character).endsWith("…");
      assertThat(FetchResult.parse(json).bytes()).isEqualTo(7);
    }
  }

  @Nested
  class GivenAStatus {

    @Test
    void whenAnotherVersionSaysMore_thenItIsReadAllTheSame() throws IOException {
      FetchStatus status =
          new FetchStatus(
              new Identity("c", "r").in("p"),
              FetchState.FETCHING,
              10,
              1,
              10,
              FetchReason.MODEL_FETCHING,
              "On its way.");

      assertThat(FetchStatus.parse(status.toJson().replaceFirst("\\{", "{\"more\": 1, ")))
          .isEqualTo(status);
    }
  }
}
