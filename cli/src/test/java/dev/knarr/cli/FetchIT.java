// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import dev.knarr.head.api.FetchConfig;
import dev.knarr.head.api.FetchReason;
import dev.knarr.head.api.FetchResult;
import dev.knarr.head.api.FetchState;
import dev.knarr.head.api.FetchStatus;
import dev.knarr.head.api.Identity;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code knarr fetch} as a container runs it. */
@Timeout(300)
class FetchIT {
  private static final Path MODEL =
      KnarrProcess.ROOT.resolve("docs/examples/models/knarr-demo-draft-q8_0.gguf");
  private static final Pattern PORT = Pattern.compile("Status: port (\\d+)");

  @TempDir private Path folder;

  private KnarrProcess fetch(URI url, Path target) throws IOException {
    var config =
        new FetchConfig(
            new Identity("cluster-uid", "revision-1"),
            List.of(
                new FetchConfig.Item(
                    "model",
                    FetchConfig.Source.of(new FetchConfig.Http(url, List.of(), null)),
                    target)),
            null);
    var file = Files.writeString(folder.resolve("fetch.json"), config.toJson());
    Files.writeString(folder.resolve("termination-log"), "");
    return KnarrProcess.start(
        Map.of(Identity.POD_UID_VARIABLE, "pod-uid"),
        "fetch",
        "--config",
        file.toString(),
        "--management-port",
        "0",
        "--termination-log",
        folder.resolve("termination-log").toString());
  }

  private FetchResult result() throws IOException {
    return FetchResult.parse(Files.readString(folder.resolve("termination-log")));
  }

  @Nested
  class GivenASlowServer {
    @Test
    void whenAModelIsFetched_thenTheStatusShowsHowFarItIs() throws Exception {
      var model = Files.readAllBytes(MODEL);
      var seen = new CountDownLatch(1);
      var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
      server.createContext(
          "/",
          exchange -> {
            try (exchange) {
              exchange.sendResponseHeaders(200, model.length);
              if ("bytes=0-0".equals(exchange.getRequestHeaders().getFirst("Range"))) {
                return;
              }
              exchange.getResponseBody().write(model, 0, model.length / 2);
              exchange.getResponseBody().flush();
              seen.await();
              exchange
                  .getResponseBody()
                  .write(model, model.length / 2, model.length - model.length / 2);
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
          });
      server.start();
      var target = folder.resolve("store/model/0a1b2c3d/m.gguf");
      try (var knarr =
          fetch(
              URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/m.gguf"),
              target)) {
        knarr.awaitOutput("Status: port");
        var port = PORT.matcher(knarr.output());
        assertThat(port.find()).isTrue();
        await("half of it is here")
            .atMost(KnarrProcess.LIMIT)
            .until(() -> status(port.group(1)).bytes() == model.length / 2);
        var half = status(port.group(1));
        assertThat(target).doesNotExist();
        seen.countDown();

        assertThat(knarr.awaitExit()).as(knarr.output()).isZero();
        assertThat(half.state()).isEqualTo(FetchState.FETCHING);
        assertThat(half.percent()).isEqualTo(50);
        assertThat(half.totalBytes()).isEqualTo(model.length);
        assertThat(half.identity())
            .isEqualTo(new Identity("cluster-uid", "revision-1").in("pod-uid"));
        assertThat(target).hasBinaryContent(model);
        assertThat(result())
            .isEqualTo(
                new FetchResult(
                    FetchReason.AS_PLANNED, "Everything is here: 1.9 MiB.", model.length));
      } finally {
        seen.countDown();
        server.stop(0);
      }
    }

    private static FetchStatus status(String port) throws IOException, InterruptedException {
      try (var http = HttpClient.newHttpClient()) {
        return FetchStatus.parse(
            http.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/status"))
                        .build(),
                    BodyHandlers.ofString())
                .body());
      }
    }
  }

  @Nested
  class GivenAServerWithoutTheModel {
    @Test
    void whenItIsAsked_thenTheReasonIsLeftForTheOperator() throws IOException {
      var server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
      server.start();
      try (var knarr =
          fetch(
              URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/m.gguf"),
              folder.resolve("m.gguf"))) {
        assertThat(knarr.awaitExit()).isEqualTo(1);

        assertThat(result().reason()).isEqualTo(FetchReason.MODEL_NOT_FOUND);
        assertThat(result().message()).contains("m.gguf", "404", "Correct the url");
        assertThat(knarr.output()).contains(result().message());
      } finally {
        server.stop(0);
      }
    }

    @Test
    void whenTheConfigurationIsWrong_thenThatIsLeft() throws IOException {
      Files.writeString(folder.resolve("termination-log"), "");
      var config = Files.writeString(folder.resolve("fetch.json"), "{\"files\": []}");
      try (var knarr =
          KnarrProcess.start(
              "fetch",
              "--config",
              config.toString(),
              "--termination-log",
              folder.resolve("termination-log").toString())) {
        assertThat(knarr.awaitExit()).isEqualTo(1);

        assertThat(result().reason()).isEqualTo(FetchReason.CONFIG_INVALID);
        assertThat(result().message()).contains("fetch.json", "files is empty");
      }
    }
  }
}
