// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.knarr.rpc.RpcCommand;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a worker takes that has just become ready. How long that lasts is measured by a script. */
class WorkerStartIT {
  private static final long MOST_RESIDENT_BYTES = 150_000_000;
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String[] ANYWHERE = {
    "worker", "--device", "CPU", "--port", "0", "--management-port", "0"
  };

  @Test
  void whenAWorkerIsReady_thenItUsesTheCacheAndLittleMemory() throws IOException {
    try (var knarr = KnarrProcess.start(ANYWHERE)) {
      knarr.awaitOutput(" ms after its start");
      var worker = knarr.awaitPart(line -> line.contains("quarkus-run.jar worker"));

      assertThat(Files.readString(proc(worker, "maps"))).contains("/cli/target/knarr-");
      assertThat(residentBytes(worker)).isBetween(1L, MOST_RESIDENT_BYTES);
      knarr.terminate();
      knarr.awaitNothingLeft();
    }
  }

  @Test
  void whenTheCacheDoesNotSuit_thenTheWorkerStartsWithoutItAndWithoutAWord(@TempDir Path folder)
      throws IOException {
    var damaged = Files.write(folder.resolve("damaged.aot"), new byte[8192]);

    try (var knarr =
        KnarrProcess.start(Map.of("KNARR_JAVA_OPTS", "-XX:AOTCache=" + damaged), ANYWHERE)) {
      knarr.awaitOutput(" ms after its start");

      assertThat(knarr.output()).doesNotContainIgnoringCase("AOT");
      knarr.terminate();
      knarr.awaitNothingLeft();
    }
  }

  @Test
  void whenTheLogIsJson_thenItHasFieldsAndCommandsCanBeLogged(@TempDir Path folder)
      throws IOException, InterruptedException {
    var announcement = folder.resolve("ports.json");
    var arguments =
        Stream.concat(Stream.of(ANYWHERE), Stream.of("--announce", announcement.toString()));
    try (var knarr =
            KnarrProcess.start(
                Map.of("KNARR_LOG_FORMAT", "json"), arguments.toArray(String[]::new));
        var http = HttpClient.newHttpClient()) {
      knarr.awaitOutput(" ms after its start");
      var ports = JSON.readTree(announcement.toFile());
      var page = URI.create("http://" + ports.path("management").asText() + "/command-log");
      var switchOn = HttpRequest.newBuilder(page).POST(BodyPublishers.noBody());

      int byAPage = status(http, switchOn.copy().header("Origin", "http://x").build());
      int byAProgram = status(http, switchOn.build());
      hello(URI.create("tcp://" + ports.path("rpc").asText()).getPort(), 99);
      knarr.awaitOutput("\"fault\":");

      assertThat(byAPage).isEqualTo(403);
      assertThat(byAProgram).isEqualTo(204);
      var command = JSON.readTree(line(knarr, "result="));
      assertThat(command.path("mdc").path("conn").asText()).isEqualTo("1");
      assertThat(command.path("mdc").path("command").asText()).isEqualTo("HELLO");
      var refusal = JSON.readTree(line(knarr, "\"fault\":"));
      assertThat(refusal.path("level").asText()).isEqualTo("WARN");
      assertThat(refusal.path("mdc").path("conn").asText()).isEqualTo("1");
      assertThat(refusal.path("mdc").path("peer").asText()).startsWith("/127.0.0.1:");
      assertThat(refusal.path("mdc").path("command").asText()).isEqualTo("unknown");
      assertThat(refusal.path("mdc").path("fault").asText()).isEqualTo("unknown_command");
      knarr.terminate();
      knarr.awaitNothingLeft();
    }
  }

  private static int status(HttpClient http, HttpRequest request)
      throws IOException, InterruptedException {
    return http.send(request, BodyHandlers.discarding()).statusCode();
  }

  /** A proper HELLO, then a command that does not exist. */
  private static void hello(int port, int next) throws IOException {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      var bytes = new byte[9 + 24 + 1];
      bytes[0] = (byte) RpcCommand.HELLO.code();
      bytes[1] = 24;
      bytes[9 + 24] = (byte) next;
      socket.getOutputStream().write(bytes);
      socket.getInputStream().readAllBytes();
    } catch (SocketException e) {
      // Closed with something unread, which TCP reports as a reset.
    }
  }

  private static String line(KnarrProcess knarr, String text) {
    return knarr.output().lines().filter(line -> line.contains(text)).findFirst().orElseThrow();
  }

  private static Path proc(ProcessHandle process, String file) {
    return Path.of("/proc", Long.toString(process.pid()), file);
  }

  private static long residentBytes(ProcessHandle process) throws IOException {
    try (var lines = Files.lines(proc(process, "status"))) {
      var line = lines.filter(text -> text.startsWith("VmRSS:")).findFirst().orElseThrow();
      return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
    }
  }
}
