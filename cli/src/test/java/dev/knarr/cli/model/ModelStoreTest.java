// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelStoreTest {
  private static final TransferLimits QUICK =
      new TransferLimits(
          Duration.ofSeconds(5),
          Duration.ofSeconds(5),
          Duration.ofMillis(300),
          3,
          Duration.ofMillis(1),
          Duration.ofSeconds(10));
  private static final byte[] MODEL = model(400_000);

  @TempDir Path cache;
  private final ScriptedModelServer server = new ScriptedModelServer();
  private final Notes notes = new Notes();

  @AfterEach
  void stopTheServer() {
    server.close();
  }

  /** Collects what a user would see. */
  private static final class Notes implements TransferListener {
    final List<String> sentences = new ArrayList<>();
    final List<String> done = new ArrayList<>();
    long lastBytes;

    @Override
    public synchronized void moved(String file, long doneBytes, long totalBytes, double rate) {
      lastBytes = doneBytes;
    }

    @Override
    public synchronized void note(String sentence) {
      sentences.add(sentence);
    }

    @Override
    public synchronized void done(String file, long bytes) {
      done.add(file);
    }
  }

  private ModelStore store(Map<String, String> environment) {
    return new ModelStore(cache, environment, notes, QUICK);
  }

  private Path fetchHttp() {
    return store(Map.of()).fetch(new ModelSource.Http(server.url("/m.gguf"), List.of()));
  }

  private static byte[] model(int size) {
    var bytes = new byte[size];
    new Random(7).nextBytes(bytes);
    System.arraycopy("GGUF".getBytes(StandardCharsets.US_ASCII), 0, bytes, 0, 4);
    return bytes;
  }

  private static String sha256(byte[] bytes) {
    return HexFormat.of().formatHex(Sha256.start().digest(bytes));
  }

  private List<Path> leftovers() throws IOException {
    try (var files = Files.walk(cache)) {
      return files.filter(file -> file.toString().contains(".part")).toList();
    }
  }

  @Nested
  class GivenALocalPath {
    @Test
    void whenTheFileIsThere_thenItIsUsedWhereItIs() throws IOException {
      var file = Files.write(cache.resolve("m.gguf"), MODEL);

      var found = store(Map.of()).fetch(new ModelSource.LocalPath(file));

      assertThat(found).isEqualTo(file);
    }

    @Test
    void whenItIsMissing_thenTheMessageNamesPathAndField() {
      var source = new ModelSource.LocalPath(cache.resolve("none.gguf"));

      assertThatThrownBy(() -> store(Map.of()).fetch(source))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining(cache.resolve("none.gguf").toString())
          .hasMessageContaining("spec.model.source.path");
    }

    @Test
    void whenALaterPartIsMissing_thenTheMessageNamesIt() throws IOException {
      var first = Files.write(cache.resolve("m-00001-of-00003.gguf"), MODEL);
      Files.write(cache.resolve("m-00003-of-00003.gguf"), MODEL);

      assertThatThrownBy(() -> store(Map.of()).fetch(new ModelSource.LocalPath(first)))
          .hasMessageContaining("1 of the 3 parts")
          .hasMessageContaining("m-00002-of-00003.gguf");
    }

    @Test
    void whenALaterPartIsNamed_thenTheFirstIsAskedFor() throws IOException {
      var second = Files.write(cache.resolve("m-00002-of-00003.gguf"), MODEL);

      assertThatThrownBy(() -> store(Map.of()).fetch(new ModelSource.LocalPath(second)))
          .hasMessageContaining("part 2 of 3: name the first part");
    }
  }

  @Nested
  class GivenAnHttpServer {
    @Test
    void whenTheFileIsFetched_thenItIsCompleteAndFetchedOnce() throws IOException {
      server.put("/m.gguf", MODEL);

      var file = fetchHttp();
      var again = fetchHttp();

      assertThat(file).hasBinaryContent(MODEL).isEqualTo(again);
      assertThat(notes.done).containsExactly("m.gguf");
      assertThat(notes.lastBytes).isEqualTo(MODEL.length);
      assertThat(leftovers()).isEmpty();
    }

    @Test
    void whenTheHashIsGivenAndTheFileIsHere_thenTheServerIsNotAskedAgain() {
      server.put("/m.gguf", MODEL);
      var source = new ModelSource.Http(server.url("/m.gguf"), List.of(sha256(MODEL)));

      store(Map.of()).fetch(source);
      store(Map.of()).fetch(source);

      assertThat(server.seen()).hasSize(1);
    }

    @Test
    void whenTheFileChangesAtItsSource_thenItIsFetchedAgain() {
      server.put("/m.gguf", MODEL);
      fetchHttp();
      var other = model(123_456);
      server.put("/m.gguf", other);
      server.etag = "\"v2\"";

      var file = fetchHttp();

      assertThat(file).hasBinaryContent(other);
      assertThat(notes.sentences).anyMatch(note -> note.contains("has changed at its source"));
    }

    @Test
    void whenTheServerIsGone_thenTheCopyIsUsedAndTheUserTold() {
      server.put("/m.gguf", MODEL);
      fetchHttp();
      server.close();

      var file = fetchHttp();

      assertThat(file).hasBinaryContent(MODEL);
      assertThat(notes.sentences).anyMatch(note -> note.contains("using the copy that is here"));
    }

    @Test
    void whenTheConnectionIsCut_thenTheTransferGoesOnWhereItBroke() {
      server.put("/m.gguf", MODEL);
      server.next("/m.gguf", ScriptedModelServer.cutAfter(100_000));
      server.next("/m.gguf", ScriptedModelServer.cutAfter(50_000));

      var file = fetchHttp();

      assertThat(file).hasBinaryContent(MODEL);
      assertThat(server.seen())
          .extracting(seen -> seen.headers().get("Range"))
          .satisfiesExactly(
              first -> assertThat(first).isNull(),
              second -> assertThat(second).matches("bytes=[1-9]\\d*-"),
              third -> assertThat(third).matches("bytes=[1-9]\\d*-"));
      assertThat(server.seen().get(1).headers()).containsEntry("If-range", "\"v1\"");
    }

    @Test
    void whenTheServerIgnoresRanges_thenTheFileIsStillRight() {
      server.put("/m.gguf", MODEL);
      server.ranges = false;
      server.next("/m.gguf", ScriptedModelServer.cutAfter(100_000));

      assertThat(fetchHttp()).hasBinaryContent(MODEL);
    }

    @Test
    void whenAnEarlierRunWasStopped_thenThisOneGoesOn() throws IOException {
      server.put("/m.gguf", MODEL);
      server.next("/m.gguf", ScriptedModelServer.cutAfter(100_000));
      for (int i = 0; i < QUICK.attempts(); i++) {
        server.next("/m.gguf", ScriptedModelServer.status(503));
      }
      assertThatThrownBy(ModelStoreTest.this::fetchHttp).hasMessageContaining("start again");
      assertThat(leftovers()).isNotEmpty();

      var file = fetchHttp();

      assertThat(file).hasBinaryContent(MODEL);
      assertThat(server.seen().getLast().headers().get("Range")).matches("bytes=[1-9]\\d*-");
      assertThat(leftovers()).isEmpty();
    }

    @Test
    void whenTheFileChangesBetweenTwoAttempts_thenNoMixtureArises() {
      server.put("/m.gguf", MODEL);
      server.next("/m.gguf", ScriptedModelServer.cutAfter(100_000));
      var other = model(300_001);
      server.next(
          "/m.gguf",
          (exchange, _) -> {
            server.put("/m.gguf", other);
            server.etag = "\"v2\"";
            exchange.sendResponseHeaders(503, -1);
          });

      assertThat(fetchHttp()).hasBinaryContent(other);
    }

    @Test
    void whenNothingComesForTooLong_thenTheConnectionIsMadeAgain() {
      server.put("/m.gguf", MODEL);
      var over = new CountDownLatch(1);
      server.next(
          "/m.gguf",
          (exchange, content) -> {
            exchange.getResponseHeaders().set("ETag", "\"v1\"");
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content, 0, 5000);
            exchange.getResponseBody().flush();
            await(over);
          });

      var file = fetchHttp();
      over.countDown();

      assertThat(file).hasBinaryContent(MODEL);
      assertThat(notes.sentences).anyMatch(note -> note.contains("nothing came for"));
    }

    @Test
    void whenTheHashIsAnother_thenTheFileIsRemovedAndBothHashesAreNamed() throws IOException {
      server.put("/m.gguf", MODEL);
      var wrong = "0".repeat(64);
      var source = new ModelSource.Http(server.url("/m.gguf"), List.of(wrong));

      assertThatThrownBy(() -> store(Map.of()).fetch(source))
          .hasMessageContaining(sha256(MODEL))
          .hasMessageContaining(wrong)
          .hasMessageContaining("the cluster file");

      assertThat(leftovers()).isEmpty();
    }

    @Test
    void whenAPageComesInPlaceOfAModel_thenTheMessageShowsHowItBegins() {
      server.put("/m.gguf", "<!DOCTYPE html>".getBytes(StandardCharsets.US_ASCII));

      assertThatThrownBy(ModelStoreTest.this::fetchHttp)
          .hasMessageContaining("no GGUF file")
          .hasMessageContaining("<!DOCTYPE html>");
    }

    @Test
    void whenTheModelHasSeveralParts_thenAllAreFetched() {
      for (int part = 1; part <= 3; part++) {
        server.put("/x/m-0000%d-of-00003.gguf".formatted(part), model(1000 * part));
      }
      var url = server.url("/x/m-00001-of-00003.gguf");

      var first = store(Map.of()).fetch(new ModelSource.Http(url, List.of()));

      assertThat(first).hasBinaryContent(model(1000));
      assertThat(first.resolveSibling("m-00003-of-00003.gguf")).hasBinaryContent(model(3000));
    }

    @Test
    void whenThereAreFewerHashesThanParts_thenTheMessageCountsBoth() {
      var url = server.url("/x/m-00001-of-00003.gguf");
      var source = new ModelSource.Http(url, List.of("0".repeat(64)));

      assertThatThrownBy(() -> store(Map.of()).fetch(source))
          .hasMessageContaining("3 parts, but 1 sha256 is given");
    }

    @Test
    void whenTheCacheIsAskedOnly_thenNothingIsFetched() {
      server.put("/m.gguf", MODEL);
      var source = new ModelSource.Http(server.url("/m.gguf"), List.of());

      var before = store(Map.of()).cached(source);
      fetchHttp();
      var after = store(Map.of()).cached(source);

      assertThat(before).isEmpty();
      assertThat(after).isPresent();
      assertThat(server.seen()).hasSize(1);
    }

    @Test
    void whenTwoRunsWantTheSameFile_thenItIsFetchedOnce() throws Exception {
      server.put("/m.gguf", MODEL);
      var firstArrived = new CountDownLatch(1);
      var goOn = new CountDownLatch(1);
      server.next(
          "/m.gguf",
          (exchange, content) -> {
            firstArrived.countDown();
            await(goOn);
            exchange.getResponseHeaders().set("ETag", "\"v1\"");
            exchange.sendResponseHeaders(200, content.length);
            exchange.getResponseBody().write(content);
          });
      try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
        Future<Path> one = threads.submit(ModelStoreTest.this::fetchHttp);
        await(firstArrived);

        Future<Path> two = threads.submit(ModelStoreTest.this::fetchHttp);
        org.awaitility.Awaitility.await("the second run to wait")
            .until(
                () -> notes.sentences.stream().anyMatch(note -> note.contains("waiting for it")));
        goOn.countDown();

        assertThat(one.get(10, TimeUnit.SECONDS)).hasBinaryContent(MODEL);
        assertThat(two.get(10, TimeUnit.SECONDS)).hasBinaryContent(MODEL);
      }
      assertThat(notes.done).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource({"401, asks for a login", "403, does not give the file", "404, Correct the address"})
    void whenTheServerRefuses_thenTheMessageSaysWhatToDo(int status, String remedy) {
      server.next("/m.gguf", ScriptedModelServer.status(status));

      assertThatThrownBy(ModelStoreTest.this::fetchHttp)
          .hasMessageContaining(String.valueOf(status))
          .hasMessageContaining(remedy);
    }

    @Test
    void whenTheServerIsBusyForAMoment_thenItIsAskedAgain() {
      server.put("/m.gguf", MODEL);
      server.next("/m.gguf", ScriptedModelServer.status(429, "Retry-After", "0"));

      assertThat(fetchHttp()).hasBinaryContent(MODEL);
    }

    @Test
    void whenTheAddressIsNeitherHttpNorHttps_thenItIsRefused() {
      assertThatThrownBy(() -> new ModelSource.Http(URI.create("ftp://h/m"), List.of()))
          .hasMessageContaining("http or https");
    }
  }

  @Nested
  class GivenAHuggingFaceRepository {
    private static final String PATH = "/me/tiny/resolve/main/q/m.gguf";

    private static ModelSource huggingFace(String repo, String file, String revision) {
      return new ModelSource.HuggingFace(repo, file, revision, Optional.empty(), Optional.empty());
    }

    private Path fetch(String... environment) {
      var all = new java.util.HashMap<String, String>();
      all.put("HF_ENDPOINT", server.url("").toString());
      for (int i = 0; i < environment.length; i += 2) {
        all.put(environment[i], environment[i + 1]);
      }
      return store(all).fetch(huggingFace("me/tiny", "q/m.gguf", "main"));
    }

    private void redirectTo(URI url, String hash) {
      server.next(
          PATH,
          ScriptedModelServer.status(
              302, "Location", url.toString(), "X-Linked-Etag", "\"" + hash + "\""));
    }

    @Test
    void whenItRedirectsToAnotherHost_thenTheTokenStaysBehind() {
      try (var storage = new ScriptedModelServer()) {
        storage.put("/blob", MODEL);
        redirectTo(storage.url("/blob"), sha256(MODEL));

        var file = fetch("HF_TOKEN", "hf_secret");

        assertThat(file).hasBinaryContent(MODEL);
        assertThat(file).endsWithRaw(Path.of("hf", "me", "tiny", "main", "q", "m.gguf"));
        assertThat(server.seen().getFirst().headers())
            .containsEntry("Authorization", "Bearer hf_secret");
        assertThat(storage.seen().getFirst().headers()).doesNotContainKey("Authorization");
      }
    }

    @ParameterizedTest
    @ValueSource(strings = {"file:///etc/passwd", "http://[half", "mailto:me"})
    void whenItRedirectsToNoAddress_thenItSaysSo(String location) {
      server.next(PATH, ScriptedModelServer.status(302, "Location", location));

      assertThatThrownBy(this::fetch)
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("redirects to something that is no address");
    }

    @Test
    void whenThePublishedHashIsAnother_thenTheFileIsRefused() {
      server.put("/blob", MODEL);
      redirectTo(server.url("/blob"), "ab".repeat(32));

      assertThatThrownBy(this::fetch).hasMessageContaining("the publisher says " + "ab".repeat(32));
    }

    @Test
    void whenTheFileIsHereAndTheBranchHasNotMoved_thenItIsNotFetchedAgain() {
      server.put("/blob", MODEL);
      redirectTo(server.url("/blob"), sha256(MODEL));
      redirectTo(server.url("/blob"), sha256(MODEL));

      fetch();
      fetch();

      assertThat(notes.done).hasSize(1);
    }

    @Test
    void whenThereIsNoTokenAndTheModelIsGated_thenTheMessageNamesTheVariable() {
      server.next(PATH, ScriptedModelServer.status(401));

      assertThatThrownBy(this::fetch)
          .hasMessageContaining("401")
          .hasMessageContaining("set HF_TOKEN");
    }

    @Test
    void whenTheTokenHasNoAccess_thenTheMessageSaysSoWithoutTheToken() {
      server.next(PATH, ScriptedModelServer.status(403));

      assertThatThrownBy(() -> fetch("HF_TOKEN", "hf_secret"))
          .hasMessageContaining("The token in HF_TOKEN has no access")
          .hasMessageNotContaining("hf_secret");
    }

    @Test
    void whenTheFileDoesNotExist_thenTheMessagePointsToTheListOfFiles() {
      assertThatThrownBy(this::fetch)
          .hasMessageContaining("404")
          .hasMessageContaining("huggingface.co/me/tiny/tree/main");
    }

    @ParameterizedTest
    @CsvSource({"../../etc, m.gguf, main", "me/tiny, ../m.gguf, main", "me/tiny, m.gguf, ../x"})
    void whenANameLeavesItsFolder_thenItIsRefused(String repo, String file, String revision) {
      assertThatThrownBy(() -> huggingFace(repo, file, revision))
          .isInstanceOf(ModelException.class);
    }
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(10, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
