// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.testkit.peers.StockLlamaServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who is let in, and what becomes of those who do not speak HTTP well. */
class KeysAndStrangersIT {

  private static final String INTERNAL = "internal";
  private static final HeadConfig.Http ENDPOINT = new HeadConfig.Http("127.0.0.1", 0);

  private static StockLlamaServer server(String... arguments) {
    return StockLlamaServer.start(RunningGateway.MODEL, List.of(arguments));
  }

  @Nested
  class GivenApiKeys {

    @TempDir Path folder;

    @Test
    void whenTheyAreShownOrNot_thenLlamaServersOwnRulesHold() throws Exception {
      Path keys = Files.writeString(folder.resolve("keys"), "# ours\n first \nsecond\n");
      try (StockLlamaServer server = server("--api-key", INTERNAL);
          RunningGateway gateway = new RunningGateway(ENDPOINT, keys)) {
        gateway.up(new Upstream(server.uri("").getPort(), INTERNAL));

        for (String path : List.of("/health", "/", "/v1/models", "/props", "/nothing")) {
          HttpResponse<String> direct =
              gateway
                  .http()
                  .send(HttpRequest.newBuilder(server.uri(path)).build(), BodyHandlers.ofString());
          HttpResponse<String> through = gateway.send(gateway.request(path));
          assertThat(through.statusCode()).as(path).isEqualTo(direct.statusCode());
          assertThat(through.body()).as(path).isEqualTo(direct.body());
        }
        assertThat(status(gateway, "Authorization", "Bearer first")).isEqualTo(200);
        assertThat(status(gateway, "Authorization", "second")).isEqualTo(200);
        assertThat(status(gateway, "X-Api-Key", "second")).isEqualTo(200);
        assertThat(status(gateway, "Authorization", "Bearer # ours")).isEqualTo(401);
        assertThat(status(gateway, "Authorization", "Bearer firs")).isEqualTo(401);
        assertThat(status(gateway, "Authorization", "Bearer " + INTERNAL)).isEqualTo(401);
        assertThat(status(gateway, "X-Api-Key", INTERNAL)).isEqualTo(401);
        assertThat(
                gateway.send(gateway.request("/props").header("X-Api-Key", INTERNAL)).statusCode())
            .isEqualTo(401);
        assertThat(gateway.send(gateway.request("/props").header("X-Api-Key", "first")).body())
            .contains("default_generation_settings");
      }
    }

    @Test
    void whenNoneIsShownWhileTheModelLoads_thenNobodyWaits() throws IOException {
      Path keys = Files.writeString(folder.resolve("keys"), "first\n");
      try (RunningGateway gateway = new RunningGateway(ENDPOINT, keys)) {
        assertThat(status(gateway, "Authorization", "Bearer other")).isEqualTo(401);
        assertThat(gateway.send(gateway.request("/props")).statusCode()).isEqualTo(401);
        assertThat(gateway.send(gateway.request("/health")).statusCode()).isEqualTo(503);
        assertThat(
                gateway.send(gateway.request("/props").header("X-Api-Key", "first")).statusCode())
            .isEqualTo(503);
      }
    }

    @Test
    void whenTheFileChangesAsASecretDoes_thenTheNewKeysHold() throws IOException {
      Path old = Files.createDirectory(folder.resolve("..old"));
      Files.writeString(old.resolve("keys"), "first\n");
      Path next = Files.createDirectory(folder.resolve("..next"));
      Files.writeString(next.resolve("keys"), "second\n");
      Path data = Files.createSymbolicLink(folder.resolve("..data"), old.getFileName());
      Path keys = Files.createSymbolicLink(folder.resolve("keys"), Path.of("..data", "keys"));
      try (StockLlamaServer server = server("--api-key", INTERNAL);
          RunningGateway gateway = new RunningGateway(ENDPOINT, keys)) {
        gateway.up(new Upstream(server.uri("").getPort(), INTERNAL));
        assertThat(status(gateway, "Authorization", "Bearer first")).isEqualTo(200);

        Path link = Files.createSymbolicLink(folder.resolve("..tmp"), next.getFileName());
        Files.move(link, data, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);

        await("the old key is refused")
            .until(() -> status(gateway, "Authorization", "Bearer first") == 401);
        assertThat(status(gateway, "Authorization", "Bearer second")).isEqualTo(200);

        Files.delete(keys);
        await("nothing changes when the file is gone")
            .during(Duration.ofSeconds(2))
            .atMost(Duration.ofSeconds(10))
            .until(() -> status(gateway, "Authorization", "Bearer second") == 200);
        Files.writeString(keys, "# none\n");
        await("nobody is let in")
            .until(() -> status(gateway, "Authorization", "Bearer second") == 401);
      }
    }

    private static int status(RunningGateway gateway, String header, String value) {
      return gateway
          .send(gateway.post("/tokenize", "{\"content\":\"a\"}").header(header, value))
          .statusCode();
    }
  }

  @Nested
  class GivenStrangers {

    @Test
    void whenTheySendAnything_thenOnlyTheirConnectionEnds() throws IOException {
      try (StockLlamaServer server = server();
          RunningGateway gateway =
              new RunningGateway(ENDPOINT, null, List.of(), Duration.ofSeconds(2));
          Socket slowHead = new Socket(InetAddress.getLoopbackAddress(), gateway.gateway.port());
          Socket slowBody = new Socket(InetAddress.getLoopbackAddress(), gateway.gateway.port())) {
        gateway.up(server.uri("").getPort());
        var stream =
            gateway.begin(
                gateway.post(
                    "/completion",
                    "{\"prompt\":\"a\",\"stream\":true,\"ignore_eos\":true,\"n_predict\":3000}"));

        write(slowHead, "POST /completion HTTP/1.1\r\nHost: a\r\nX-Slow: ");
        write(
            slowBody,
            "POST /completion HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{\"prompt\":");
        assertThat(raw(gateway, "GET / HTTP/1.1\r\nX-Long: " + "a".repeat(70_000) + "\r\n\r\n"))
            .contains(" 431 ");
        assertThat(raw(gateway, "GET /" + "a".repeat(70_000) + " HTTP/1.1\r\n\r\n"))
            .contains(" 414 ");
        assertThat(raw(gateway, "\u0016\u0003\u0001 hello\r\n\r\n")).contains(" 400 ");
        assertThat(
                raw(
                    gateway,
                    "POST /tokenize HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"))
            .doesNotContain("200 OK");
        assertThat(
                raw(
                    gateway,
                    "POST /tokenize HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\n{}\n"))
            .doesNotContain("200 OK");
        assertThat(
                raw(
                    gateway,
                    "GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n\u0001\u0002 junk\r\n\r\n"))
            .startsWith("HTTP/1.1 200")
            .contains(" 400 ");
        assertThat(slowHead.getInputStream().readAllBytes())
            .as("closed when its time is over")
            .isEmpty();
        assertThat(slowBody.getInputStream().readAllBytes())
            .as("closed when its time is over")
            .isEmpty();

        assertThat(stream.join().body()).contains("\"tokens_predicted\":").doesNotContain("error");
        assertThat(
                gateway.send(gateway.post("/v1/chat/completions", RunningGateway.QUESTION)).body())
            .contains(RunningGateway.ANSWER);
        await("nothing is left").until(gateway.gateway::isIdle);
        assertThat(gateway.registry.get(HeadMetrics.KEPT).gauge().value()).isZero();
      }
    }

    private static void write(Socket socket, String text) throws IOException {
      socket.setSoTimeout(30_000);
      socket.getOutputStream().write(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    private static String raw(RunningGateway gateway, String text) {
      return gateway.raw(text.getBytes(StandardCharsets.ISO_8859_1));
    }
  }
}
