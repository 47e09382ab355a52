// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static dev.knarr.cli.KnarrProcess.head;
import static dev.knarr.cli.KnarrProcess.llamaServer;
import static dev.knarr.cli.KnarrProcess.worker;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Local mode as a user meets it: the script, real workers, a real llama-server. */
@Timeout(300)
class UpIT {
  private static final String QUICKSTART =
      KnarrProcess.ROOT.resolve("docs/examples/quickstart.yaml").toString();
  private static final Path MODELS = KnarrProcess.ROOT.resolve("docs/examples/models");
  private static final Pattern ENDPOINT = Pattern.compile("Ready after .* at (http://\\S+)");

  @TempDir Path folder;

  private static KnarrProcess quickstart() {
    return KnarrProcess.start("up", QUICKSTART, "--port", "0");
  }

  private static String endpoint(KnarrProcess knarr) {
    var matcher = ENDPOINT.matcher(knarr.awaitOutput("Ctrl-C stops everything").output());
    assertThat(matcher.find()).as("the endpoint in:%n%s", knarr.output()).isTrue();
    return matcher.group(1);
  }

  private static HttpRequest question(String endpoint, String text, boolean stream) {
    return HttpRequest.newBuilder(URI.create(endpoint + "/chat/completions"))
        .timeout(Duration.ofMinutes(1))
        .header("Content-Type", "application/json")
        .POST(
            HttpRequest.BodyPublishers.ofString(
                "{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}],\"stream\":%s,\"temperature\":0}"
                    .formatted(text, stream)))
        .build();
  }

  private static String ask(String endpoint) throws IOException, InterruptedException {
    try (var client = HttpClient.newHttpClient()) {
      return client
          .send(question(endpoint, "What is Knarr?", false), HttpResponse.BodyHandlers.ofString())
          .body();
    }
  }

  /** An answer that is on its way. */
  private record LongAnswer(HttpClient client) implements AutoCloseable {
    @Override
    public void close() {
      client.shutdownNow();
    }
  }

  /** Sends a question with a long answer and returns when the answer has begun. */
  private static LongAnswer beginLongAnswer(String endpoint)
      throws IOException, InterruptedException {
    var client = HttpClient.newHttpClient();
    var answer =
        client.send(
            question(endpoint, "Count from 1 to 100.", true),
            HttpResponse.BodyHandlers.ofInputStream());
    assertThat(answer.body().read()).as("the first byte of an answer").isPositive();
    return new LongAnswer(client);
  }

  @Nested
  class GivenTheQuickstart {
    @Test
    void whenItIsAsked_thenItAnswersAndStopsWithoutTrace() throws Exception {
      try (var knarr = quickstart()) {
        var answer = ask(endpoint(knarr));
        knarr.terminate();

        assertThat(answer).contains("Knarr runs one model across");
        assertThat(knarr.awaitExit()).isEqualTo(128 + 15);
        assertThat(knarr.output())
            .contains("curl http://")
            .containsPattern("Status: http://127.0.0.1:\\d+/status")
            .contains("Stopped.");
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenTheLauncherIsKilledAtTheStart_thenNothingIsLeft() {
      try (var knarr = quickstart()) {
        knarr.awaitPart(worker("cpu-1"));

        knarr.kill();

        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenTheLauncherIsKilledInMidAnswer_thenNothingIsLeft() throws Exception {
      try (var knarr = quickstart();
          var _ = beginLongAnswer(endpoint(knarr))) {
        knarr.kill();

        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenTheHeadIsKilledInMidAnswer_thenAllStopsAndTheMessageSaysSo() throws Exception {
      try (var knarr = quickstart();
          var _ = beginLongAnswer(endpoint(knarr))) {
        knarr.awaitPart(head()).destroyForcibly();

        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output()).contains("The head (process").contains("ended by signal 9");
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenTheHeadIsKilledAtTheStart_thenAllStopsAndTheMessageSaysSo() {
      try (var knarr = quickstart()) {
        knarr.awaitPart(head()).destroyForcibly();

        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output()).contains("The head (process").contains("ended by signal 9");
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenAWorkerIsKilledAtTheStart_thenAllStopsAndTheMessageNamesIt() {
      try (var knarr = quickstart()) {
        knarr.awaitPart(worker("cpu-1")).destroyForcibly();

        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output()).contains("Worker cpu-1 (process").contains("by signal 9");
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenAWorkerIsKilledInMidAnswer_thenAllStopsAndTheMessageNamesIt() throws Exception {
      try (var knarr = quickstart();
          var _ = beginLongAnswer(endpoint(knarr))) {
        knarr.awaitPart(worker("cpu-0")).destroyForcibly();

        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output()).contains("Worker cpu-0 (process").contains("by signal 9");
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenTheOutputIsOnTheHead_thenItsWorkerComesBackAndGoesWithTheRest() throws Exception {
      var text =
          Files.readString(Path.of(QUICKSTART)).replace("path: models", "path: " + MODELS)
              + "  split: { output: Head }\n";
      var file = Files.writeString(folder.resolve("cluster.yaml"), text);
      try (var knarr = KnarrProcess.start("up", file.toString(), "--port", "0")) {
        var endpoint = endpoint(knarr);
        assertThat(ask(endpoint)).contains("Knarr runs one model across");

        knarr.awaitPart(worker("head")).destroyForcibly();

        knarr.awaitOutput("Ready again");
        assertThat(knarr.output()).contains("Worker head (127.0.0.1:");
        assertThat(ask(endpoint)).contains("Knarr runs one model across");
        knarr.terminate();
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenItMayDoWithoutTheWorkerThatIsKilled_thenTheOtherAnswersUntilItIsKilledToo()
        throws Exception {
      var text =
          Files.readString(Path.of(QUICKSTART)).replace("path: models", "path: " + MODELS)
              + "  recovery: { replanAfterSeconds: 1 }\n";
      var file = Files.writeString(folder.resolve("cluster.yaml"), text);
      try (var knarr = KnarrProcess.start("up", file.toString(), "--port", "0")) {
        var endpoint = endpoint(knarr);

        knarr.awaitPart(worker("cpu-0")).destroyForcibly();

        knarr.awaitOutput("answers at " + endpoint + " without cpu-0");
        assertThat(ask(endpoint)).contains("Knarr runs one model across");
        assertThat(knarr.output())
            .contains("Worker cpu-0 (process", "by signal 9; the head goes on without it")
            .doesNotContain("Ready again");

        knarr.awaitPart(worker("cpu-1")).destroyForcibly();
        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output()).contains("All workers have ended");
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenLlamaServerIsKilledInMidAnswer_thenItComesBackAndTheMessageSaysSo() throws Exception {
      try (var knarr = quickstart();
          var _ = beginLongAnswer(endpoint(knarr))) {
        knarr.awaitPart(llamaServer()).destroyForcibly();

        knarr.awaitOutput("Ready again at").awaitOutput("head: ");
        assertThat(ask(endpoint(knarr))).contains("Knarr runs one model across");
        knarr.terminate();
        knarr.awaitExit();
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenLlamaServerIsKilledWhileItLoads_thenItIsStartedAgain() throws Exception {
      try (var knarr = quickstart()) {
        knarr.awaitPart(llamaServer()).destroyForcibly();

        assertThat(ask(endpoint(knarr))).contains("Knarr runs one model across");
        knarr.terminate();
        knarr.awaitExit();
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenItsPortIsTaken_thenItSaysByWhomAndStartsNothing() throws Exception {
      try (var taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
          var knarr =
              KnarrProcess.start(
                  "up", QUICKSTART, "--port", Integer.toString(taken.getLocalPort()))) {
        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output())
            .contains("Port %d of this machine".formatted(taken.getLocalPort()))
            .contains("(process %d)".formatted(ProcessHandle.current().pid()))
            .contains("--port")
            .doesNotContain("Starting");
      }
    }

    @Test
    void whenAnUnsuitableLlamaServerIsOnThePath_thenItSaysWhyAndUsesItsOwn() throws Exception {
      var impostor = folder.resolve("llama-server");
      Files.writeString(impostor, "#!/bin/sh\necho 'RPC is not supported in this build'\n");
      Files.setPosixFilePermissions(impostor, PosixFilePermissions.fromString("rwx------"));
      var path = folder + ":" + System.getenv("PATH");
      try (var knarr = KnarrProcess.start(Map.of("PATH", path), "up", QUICKSTART, "--port", "0")) {
        assertThat(ask(endpoint(knarr))).contains("Knarr runs one model across");

        assertThat(knarr.output())
            .contains("The llama-server on the PATH is not used: " + impostor);
        knarr.terminate();
        knarr.awaitExit();
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenTheGivenLlamaServerIsUnsuitable_thenItFailsAndSaysWhatToUse() throws Exception {
      var impostor = folder.resolve("other-server");
      Files.writeString(impostor, "#!/bin/sh\necho 'RPC is not supported in this build'\n");
      Files.setPosixFilePermissions(impostor, PosixFilePermissions.fromString("rwx------"));
      try (var knarr =
          KnarrProcess.start(
              "up", QUICKSTART, "--port", "0", "--llama-server", impostor.toString())) {
        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output()).contains(impostor.toString()).contains("GGML_RPC=ON");
        knarr.awaitNothingLeft();
      }
    }
  }

  @Nested
  class GivenAFileThatCannotRun {
    private Path cluster(String model, String resources) throws IOException {
      return Files.writeString(
          folder.resolve("cluster.yaml"),
          """
          apiVersion: knarr.dev/v1alpha1
          kind: InferenceCluster
          metadata: { name: test }
          spec:
            model:
              name: demo
              source: { path: %s }
            workers:
              - name: cpu
                replicas: 2
                backend: cpu
          %s
          """
              .formatted(model, resources));
    }

    @Test
    void whenTheModelIsMissing_thenItSaysWhereItLooked() throws Exception {
      try (var knarr =
          KnarrProcess.start("up", cluster("none.gguf", "").toString(), "--port", "0")) {
        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output())
            .contains(folder.resolve("none.gguf").toString())
            .contains("does not exist");
      }
    }

    @Test
    void whenTheModelDoesNotFit_thenItSaysWhatWouldHelp() throws Exception {
      var file =
          cluster(
              MODELS.resolve("knarr-demo-q8_0.gguf").toString(),
              "      resources: { limits: { memory: 8Mi } }");
      try (var knarr = KnarrProcess.start("up", file.toString(), "--port", "0");
          var plan = KnarrProcess.start("plan", file.toString())) {
        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output()).contains("What would help");
        assertThat(plan.awaitExit()).isEqualTo(1);
        assertThat(plan.output()).contains("What would help");
        knarr.awaitNothingLeft();
      }
    }

    @Test
    void whenTheFileHasSeveralFaults_thenAllAreShownWithTheirLines() throws Exception {
      var file = cluster("m.gguf", "      colour: red\n  speed: 3");
      try (var knarr = KnarrProcess.start("up", file.toString())) {
        assertThat(knarr.awaitExit()).isEqualTo(2);
        assertThat(knarr.output())
            .contains("cluster.yaml:12")
            .contains("colour")
            .contains("cluster.yaml:13")
            .contains("speed");
      }
    }

    @Test
    void whenItAsksForNoReplica_thenThereIsNothingToDo() throws Exception {
      var file = cluster("m.gguf", "  replicas: 0");
      try (var knarr = KnarrProcess.start("up", file.toString())) {
        assertThat(knarr.awaitExit()).isZero();
        assertThat(knarr.output()).contains("spec.replicas").contains("nothing to run");
      }
    }

    @Test
    void whenTheModelIsNone_thenItSaysSoBeforeAnythingIsStarted() throws Exception {
      Files.writeString(folder.resolve("m.gguf"), "not a model");
      try (var knarr = KnarrProcess.start("up", cluster("m.gguf", "").toString(), "--port", "0")) {
        assertThat(knarr.awaitExit()).isEqualTo(1);
        assertThat(knarr.output()).contains("not a GGUF file").doesNotContain("Starting");
      }
    }

    @Test
    void whenANumberIsOutOfRange_thenItIsAUsageError() {
      try (var knarr = KnarrProcess.start("up", QUICKSTART, "--port", "99999")) {
        assertThat(knarr.awaitExit()).isEqualTo(2);
        assertThat(knarr.output()).contains("--port is 99999");
      }
    }

    @Test
    void whenThereAreMoreAddressesThanWorkers_thenBothCountsAreNamed() throws Exception {
      try (var knarr = KnarrProcess.start("up", QUICKSTART, "--worker", "localhost:1")) {
        assertThat(knarr.awaitExit()).isEqualTo(2);
        assertThat(knarr.output()).contains("1 --worker address").contains("has 2 workers");
      }
    }
  }

  @Nested
  class GivenTheProgramItself {
    @Test
    void whenHelpIsAsked_thenTheCommandsAreListed() {
      try (var knarr = KnarrProcess.start("--help")) {
        assertThat(knarr.awaitExit()).isZero();
        assertThat(knarr.output()).contains("up ").contains("plan ").contains("worker ");
      }
    }

    @Test
    void whenAPlanIsAskedFor_thenItSaysWhatCrossesTheWire() {
      try (var plan = KnarrProcess.start("plan", QUICKSTART, "--link-speed", "100Mbit");
          var wrong = KnarrProcess.start("plan", QUICKSTART, "--link-speed", "fast")) {
        assertThat(plan.awaitExit()).isZero();
        assertThat(plan.output())
            .contains("assumed to carry 12.5 MB/s with a round trip of 0.05 ms")
            .containsPattern("cpu-0 → cpu-1 +1.0 KiB for each token")
            .contains("Sampling: Graph. The logits of 2,048 tokens are 8.0 KiB");
        assertThat(wrong.awaitExit()).isEqualTo(2);
        assertThat(wrong.output()).contains("'fast' is no rate of a link");
      }
    }

    @Test
    void whenAnOptionIsUnknown_thenItIsAUsageError() {
      try (var knarr = KnarrProcess.start("up", QUICKSTART, "--colour")) {
        assertThat(knarr.awaitExit()).isEqualTo(2);
        assertThat(knarr.output()).contains("Unknown option: '--colour'");
      }
    }
  }
}
