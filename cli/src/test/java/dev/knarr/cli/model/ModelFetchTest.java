// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import dev.knarr.head.api.FetchConfig;
import dev.knarr.head.api.FetchReason;
import dev.knarr.head.api.FetchState;
import dev.knarr.head.api.FetchStatus;
import dev.knarr.head.api.Identity;
import dev.knarr.testkit.peers.TestAuthority;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelFetchTest {
  private static final Path MODELS = Path.of("../docs/examples/models");
  private static final TransferLimits QUICK =
      new TransferLimits(
          Duration.ofSeconds(5),
          Duration.ofSeconds(5),
          Duration.ofSeconds(5),
          3,
          Duration.ofMillis(1),
          Duration.ofSeconds(10));

  @TempDir Path store;
  private final ScriptedModelServer server = new ScriptedModelServer();
  private final List<String> lines = new ArrayList<>();
  private final FetchProgress progress =
      new FetchProgress(new Identity("cluster", "revision").in("pod"), lines::add);
  private byte[] model = new byte[0];

  @BeforeEach
  void readTheModel() throws IOException {
    model = Files.readAllBytes(MODELS.resolve("knarr-demo-draft-q8_0.gguf"));
    server.put("/m.gguf", model);
  }

  @AfterEach
  void stopTheServer() {
    server.close();
  }

  private static FetchConfig.Item http(
      URI url, Path target, @Nullable Path headers, String... sha256) {
    return new FetchConfig.Item(
        "model",
        FetchConfig.Source.of(new FetchConfig.Http(url, List.of(sha256), headers)),
        target);
  }

  private long run(FetchConfig.Item... items) {
    return run(Map.of(), null, items);
  }

  private long run(
      Map<String, String> environment, @Nullable Path caBundle, FetchConfig.Item... items) {
    try {
      return new ModelFetch(
              new FetchConfig(null, List.of(items), caBundle), environment, progress, QUICK)
          .run();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private void assertRefused(FetchReason reason, FetchConfig.Item item, String... words) {
    assertThatThrownBy(() -> run(item))
        .isInstanceOf(ModelException.class)
        .hasMessageContainingAll(words)
        .extracting(e -> ((ModelException) e).reason())
        .isEqualTo(reason);
  }

  private static String sha256(byte[] bytes) {
    return HexFormat.of().formatHex(Sha256.start().digest(bytes));
  }

  private Path target() {
    return store.resolve("model/0a1b2c3d/m.gguf");
  }

  @Nested
  class GivenAWebServer {
    @Test
    void whenTheFileIsFetched_thenItIsUnderItsNameAndTheStatusSaysSo() throws IOException {
      long bytes = run(http(server.url("/m.gguf"), target(), null, sha256(model)));

      assertThat(target()).hasBinaryContent(model);
      assertThat(bytes).isEqualTo(model.length);
      assertThat(progress.status())
          .isEqualTo(
              new FetchStatus(
                  new Identity("cluster", "revision").in("pod"),
                  FetchState.VERIFYING,
                  100,
                  model.length,
                  model.length,
                  FetchReason.MODEL_VERIFYING,
                  "Checking what the files hold."));
      assertThat(lines).contains("10 %", "100 %");
      assertThat(Files.exists(target().resolveSibling("m.gguf.part"))).isFalse();
    }

    @Test
    void whenItIsHereAlready_thenNobodyIsAsked() {
      run(http(server.url("/m.gguf"), target(), null, sha256(model)));
      int asked = server.seen().size();

      run(http(server.url("/m.gguf"), target(), null, sha256(model)));

      assertThat(server.seen()).hasSize(asked);
    }

    @Test
    void whenAPodBeforeBrokeOff_thenTheNextGoesOnFromThere() throws IOException {
      var item = http(server.url("/m.gguf"), target(), null);
      var size = "bytes 0-0/" + model.length;
      server.next("/m.gguf", ScriptedModelServer.status(206, "Content-Range", size));
      server.next("/m.gguf", ScriptedModelServer.cutAfter(1_000_000));
      server.next("/m.gguf", ScriptedModelServer.status(503));
      server.next("/m.gguf", ScriptedModelServer.status(503));
      assertRefused(FetchReason.MODEL_SERVER_UNREACHABLE, item, "503", "3 times in a row");
      assertThat(target()).doesNotExist();
      long here = Files.size(target().resolveSibling("m.gguf.part"));
      assertThat(here).isPositive();

      run(item);

      assertThat(target()).hasBinaryContent(model);
      assertThat(server.seen().getLast().headers()).containsEntry("Range", "bytes=" + here + "-");
      assertThat(lines).contains("Reading what an earlier run has brought of m.gguf.");
    }

    @ParameterizedTest
    @CsvSource({
      "404, MODEL_NOT_FOUND, Correct the url",
      "410, MODEL_NOT_FOUND, Correct the url",
      "401, MODEL_ACCESS_DENIED, no headers were given",
      "403, MODEL_ACCESS_DENIED, no headers were given",
      "400, MODEL_SERVER_UNREACHABLE, claim source",
    })
    void whenItRefuses_thenTheReasonAndTheRemedyAreGivenAtOnce(
        int status, FetchReason reason, String remedy) {
      server.next("/m.gguf", ScriptedModelServer.status(status));
      server.next("/m.gguf", ScriptedModelServer.status(status));

      assertRefused(
          reason,
          http(server.url("/m.gguf"), target(), null),
          "m.gguf cannot be fetched",
          "answered " + status,
          remedy);
      assertThat(server.seen()).hasSize(2);
    }

    @Test
    void whenTheChecksumIsAnother_thenNothingIsLeftUnderTheName() {
      assertRefused(
          FetchReason.MODEL_CHECKSUM_MISMATCH,
          http(server.url("/m.gguf"), target(), null, "0".repeat(64)),
          sha256(model));

      assertThat(target()).doesNotExist();
    }

    @Test
    void whenItSendsNoModel_thenThatIsSaid() {
      server.put("/m.gguf", "<html>Please log in".getBytes(StandardCharsets.UTF_8));

      assertRefused(
          FetchReason.MODEL_UNREADABLE,
          http(server.url("/m.gguf"), target(), null),
          "no GGUF file",
          "<html>");
    }

    @Test
    void whenItSendsATornModel_thenThatIsSaidToo() {
      server.put("/m.gguf", Arrays.copyOf(model, 5000));

      assertRefused(
          FetchReason.MODEL_UNREADABLE, http(server.url("/m.gguf"), target(), null), "m.gguf");
    }

    @Test
    void whenThereIsNoRoom_thenItIsFoundOutBeforeAByteIsFetched() {
      server.next(
          "/m.gguf", ScriptedModelServer.status(206, "Content-Range", "bytes 0-0/" + (1L << 60)));

      assertRefused(
          FetchReason.MODEL_NO_SPACE,
          http(server.url("/m.gguf"), target(), null),
          "m.gguf needs",
          "free",
          "larger size");
      assertThat(server.seen()).hasSize(1);
    }

    @Test
    void whenNobodyAnswers_thenItIsTriedAgainAndThenNamed() {
      var gone = server.url("/m.gguf");
      server.close();

      assertRefused(
          FetchReason.MODEL_SERVER_UNREACHABLE,
          http(gone, target(), null),
          "connection was refused",
          "3 times");
    }

    @Test
    void whenHeadersAreInAFolder_thenTheyAreSentToThisServerOnly() throws IOException {
      // As the kubelet mounts a Secret: the entries are links, and its own folders begin with dots.
      var headers = Files.createDirectories(store.resolve("headers"));
      var data = Files.createDirectories(headers.resolve("..data"));
      Files.writeString(data.resolve("Authorization"), "Basic c2VjcmV0\n");
      Files.createSymbolicLink(
          headers.resolve("Authorization"), Path.of("..data", "Authorization"));
      try (var storage = new ScriptedModelServer()) {
        storage.put("/blob", model);
        for (int i = 0; i < 2; i++) {
          server.next(
              "/m.gguf",
              ScriptedModelServer.status(302, "Location", storage.url("/blob").toString()));
        }

        run(http(server.url("/m.gguf"), target(), headers));

        assertThat(server.seen())
            .allSatisfy(
                seen ->
                    assertThat(seen.headers()).containsEntry("Authorization", "Basic c2VjcmV0"));
        assertThat(storage.seen())
            .isNotEmpty()
            .allSatisfy(seen -> assertThat(seen.headers()).doesNotContainKey("Authorization"));
      }
    }

    @Test
    void whenItRefusesTheHeaders_thenTheSecretIsToBeCorrected() throws IOException {
      var headers = Files.createDirectories(store.resolve("headers"));
      Files.writeString(headers.resolve("Authorization"), "Basic old");
      server.next("/m.gguf", ScriptedModelServer.status(401));
      server.next("/m.gguf", ScriptedModelServer.status(401));

      assertRefused(
          FetchReason.MODEL_ACCESS_DENIED,
          http(server.url("/m.gguf"), target(), headers),
          "does not accept the headers of headersSecretRef");
    }

    @Test
    void whenThereIsAProxy_thenTheServerIsAskedThroughIt() throws IOException {
      var proxy = server.url("").getAuthority();

      run(
          Map.of("HTTP_PROXY", "http://" + proxy),
          null,
          http(URI.create("http://models.invalid/m.gguf"), target(), null));

      assertThat(target()).hasBinaryContent(model);
    }

    @Test
    void whenTheProxyWantsAPassword_thenItGetsTheOneInItsAddress() {
      var challenge = ScriptedModelServer.status(407, "Proxy-Authenticate", "Basic realm=\"x\"");
      server.next("/m.gguf", challenge);

      run(
          Map.of("http_proxy", "http://me:p%40ss@" + server.url("").getAuthority()),
          null,
          http(URI.create("http://models.invalid/m.gguf"), target(), null));

      assertThat(server.seen().getLast().headers())
          .containsEntry("Proxy-authorization", "Basic bWU6cEBzcw==");
    }
  }

  @Nested
  class GivenAModelInParts {
    @Test
    void whenItIsFetched_thenAllPartsAreThere() throws IOException {
      var parts = parts();
      for (var part : parts) {
        server.put("/" + part.getFileName(), Files.readAllBytes(part));
      }
      var target = target().resolveSibling(parts.getFirst().getFileName());

      long bytes = run(http(server.url("/" + parts.getFirst().getFileName()), target, null));

      long expected = 0;
      for (var part : parts) {
        assertThat(target.resolveSibling(part.getFileName())).hasSameBinaryContentAs(part);
        expected += Files.size(part);
      }
      assertThat(bytes).isEqualTo(expected);
      assertThat(progress.status().totalBytes()).isEqualTo(expected);
    }

    private static List<Path> parts() throws IOException {
      try (var files = Files.list(MODELS.resolve("split"))) {
        return files.filter(file -> file.toString().endsWith(".gguf")).sorted().toList();
      }
    }
  }

  @Nested
  class GivenARepository {
    private FetchConfig.Item item(@Nullable Path token) {
      return new FetchConfig.Item(
          "model",
          FetchConfig.Source.of(
              new FetchConfig.HuggingFace(
                  "owner/name", "q8/m.gguf", "main", server.url("/mirror/"), null, token)),
          target());
    }

    @Test
    void whenItNeedsAToken_thenTheOneInTheFileIsSent() throws IOException {
      server.put("/mirror/owner/name/resolve/main/q8/m.gguf", model);
      var token = Files.writeString(store.resolve("token"), "hf_secret\n");

      run(item(token));

      assertThat(target()).hasBinaryContent(model);
      assertThat(server.seen())
          .allSatisfy(
              seen ->
                  assertThat(seen.headers()).containsEntry("Authorization", "Bearer hf_secret"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whenItRefuses_thenItIsSaidWhetherThereWasAToken(boolean given) throws IOException {
      var path = "/mirror/owner/name/resolve/main/q8/m.gguf";
      server.next(path, ScriptedModelServer.status(401));
      server.next(path, ScriptedModelServer.status(401));
      var token = Files.writeString(store.resolve("token"), "hf_secret\n");

      assertRefused(
          FetchReason.MODEL_ACCESS_DENIED,
          item(given ? token : null),
          given ? "The token of tokenSecretRef has no access" : "no token was given",
          "owner/name");
    }

    @Test
    void whenTheTokenIsNotThere_thenTheSecretIsNamed() {
      assertRefused(
          FetchReason.CONFIG_INVALID, item(store.resolve("none")), "no such file", "Secret");
    }
  }

  @Nested
  class GivenAPath {
    private FetchConfig.Item item(Path path) {
      return new FetchConfig.Item("model", FetchConfig.Source.of(path), null);
    }

    @Test
    void whenTheModelIsThere_thenNothingIsCopied() throws IOException {
      var file = Files.write(store.resolve("m.gguf"), model);

      assertThat(run(item(file))).isEqualTo(model.length);
      try (var files = Files.list(store)) {
        assertThat(files).containsExactly(file);
      }
    }

    @Test
    void whenItIsMissingOrNoModel_thenThatIsSaid() throws IOException {
      assertRefused(
          FetchReason.MODEL_NOT_FOUND,
          item(store.resolve("none.gguf")),
          "does not exist",
          "volume");
      assertRefused(
          FetchReason.MODEL_NOT_FOUND,
          item(Files.write(store.resolve("m-00001-of-00002.gguf"), model)),
          "1 of the 2 parts");
      assertRefused(
          FetchReason.MODEL_UNREADABLE,
          item(Files.writeString(store.resolve("text.gguf"), "text")),
          "text.gguf");
    }
  }

  @Nested
  class GivenAServerOfAPrivateAuthority {
    @Test
    void whenItsCaIsInTheBundle_thenItIsTrusted() throws Exception {
      var authority = TestAuthority.make(Files.createDirectories(store.resolve("pki")), "private");
      var issued = authority.issue("server");
      var https = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      https.setHttpsConfigurator(new HttpsConfigurator(tls(issued)));
      https.createContext(
          "/",
          exchange -> {
            try (exchange) {
              exchange.sendResponseHeaders(200, model.length);
              exchange.getResponseBody().write(model);
            }
          });
      https.start();
      try {
        var item =
            http(
                URI.create("https://127.0.0.1:" + https.getAddress().getPort() + "/m.gguf"),
                target(),
                null);

        assertRefused(FetchReason.MODEL_SERVER_UNREACHABLE, item, "certification path");
        run(Map.of(), authority.certificate(), item);

        assertThat(target()).hasBinaryContent(model);
      } finally {
        https.stop(0);
      }
    }

    private static SSLContext tls(TestAuthority.Issued issued) throws Exception {
      var pem = Files.readString(issued.key()).replaceAll("-----[^-]+-----|\\s", "");
      var key =
          KeyFactory.getInstance("EC")
              .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
      try (var in = Files.newInputStream(issued.certificate())) {
        var chain = CertificateFactory.getInstance("X.509").generateCertificates(in);
        var keys = KeyStore.getInstance("PKCS12");
        keys.load(null, null);
        keys.setKeyEntry("server", key, new char[0], chain.toArray(Certificate[]::new));
        var factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        factory.init(keys, new char[0]);
        var context = SSLContext.getInstance("TLS");
        context.init(factory.getKeyManagers(), null, null);
        return context;
      }
    }
  }
}
