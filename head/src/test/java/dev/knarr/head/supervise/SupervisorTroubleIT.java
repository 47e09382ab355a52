// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import static dev.knarr.head.supervise.RunningHead.ANSWER;
import static dev.knarr.head.supervise.RunningHead.config;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.api.HeadStatus;
import dev.knarr.head.api.HeadStatus.WorkerState;
import dev.knarr.testkit.peers.LlamaCppTree;
import dev.knarr.testkit.peers.StockWorker;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The supervisor over workers and programs that are not as they should be. */
class SupervisorTroubleIT {
  @Nested
  class GivenAWorkerThatIsNotThereYet {

    @Test
    void whenItComes_thenItIsProven() {
      int port = LlamaCppTree.freePort();
      try (StockWorker first = StockWorker.start();
          RunningHead head =
              new RunningHead(config(List.of(first.address(), "127.0.0.1:" + port)))) {
        await("who is missing")
            .until(() -> head.status().message().contains("cpu-1 (127.0.0.1:" + port + ")"));
        assertThat(head.status().message()).contains("1 of 2 workers").contains("refused");

        try (StockWorker _ = StockWorker.start(port)) {
          head.awaitPhase(HeadPhase.READY);
          assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
        }
      }
    }

    @Test
    void whenItDoesNotComeInTime_thenTheHeadFailsAndSaysWho() {
      int port = LlamaCppTree.freePort();
      try (RunningHead head =
          new RunningHead(
              config(List.of("127.0.0.1:" + port), LlamaCppTree.program("llama-server"), 0, 1))) {
        HeadStatus failed = head.awaitPhase(HeadPhase.FAILED);

        assertThat(failed.reason()).isEqualTo(HeadReason.WORKER_UNREACHABLE);
        assertThat(failed.message()).contains("cpu-0", "127.0.0.1:" + port, "within 1 s", "Start");
      }
    }
  }

  @Nested
  class GivenAWorkerThatNeverAnswers {

    /** The worst a user should have to wait for a name. */
    private static final Duration SOON = Duration.ofSeconds(15);

    @Test
    void whenItAcceptsConnections_thenItIsNamedWithHowLongAndWhatToDo() throws IOException {
      try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
          StockWorker first = StockWorker.start();
          RunningHead head =
              new RunningHead(
                  config(List.of(first.address(), "127.0.0.1:" + silent.getLocalPort())))) {
        await("it is named")
            .atMost(SOON)
            .until(() -> head.status().reason() == HeadReason.WORKER_UNREACHABLE);

        assertNamed(head.status(), silent.getLocalPort(), "accepts the connection but", "restart");
      }
    }

    @Test
    void whenPacketsToItAreDropped_thenItIsNamedWithHowLongAndWhatToDo() throws IOException {
      try (ServerSocket deaf = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
          StockWorker first = StockWorker.start()) {
        // The kernel drops what asks for a connection when nobody accepts those that are there.
        Socket[] waiting = new Socket[] {connect(deaf), connect(deaf)};
        try (RunningHead head =
            new RunningHead(config(List.of(first.address(), "127.0.0.1:" + deaf.getLocalPort())))) {
          await("it is named")
              .atMost(SOON)
              .until(() -> head.status().reason() == HeadReason.WORKER_UNREACHABLE);

          assertNamed(head.status(), deaf.getLocalPort(), "no answer to a connection", "firewall");
        } finally {
          for (Socket socket : waiting) {
            socket.close();
          }
        }
      }
    }

    private static Socket connect(ServerSocket listener) throws IOException {
      return new Socket(listener.getInetAddress(), listener.getLocalPort());
    }

    private static void assertNamed(HeadStatus status, int port, String... words) {
      assertThat(status.phase()).isEqualTo(HeadPhase.PROVING_WORKERS);
      assertThat(status.message())
          .contains("1 of 2 workers", "cpu-1 (127.0.0.1:" + port + ")")
          .contains(words);
      assertThat(status.workers())
          .extracting(HeadStatus.WorkerStatus::state)
          .containsExactly(WorkerState.PROVEN, WorkerState.WAITING);
      assertThat(status.workers().getLast().message())
          .containsPattern("Missing for \\d+ s")
          .contains(words);
    }
  }

  @Nested
  class GivenAnUnsuitableLlamaServer {

    @TempDir Path folder;

    @Test
    void whenItKnowsNoRpc_thenItIsQuotedWithTheRemedy() throws IOException {
      HeadStatus failed = failWith("echo 'error: unknown argument: --rpc' >&2; exit 1");

      assertThat(failed.reason()).isEqualTo(HeadReason.HEAD_IMAGE_UNSUITABLE);
      assertThat(failed.message())
          .contains("unknown argument: --rpc", "status 1", "GGML_RPC=ON", "llama-cpp.sh");
    }

    @Test
    void whenItListsNoDevice_thenItIsQuotedWithTheRemedy() throws IOException {
      HeadStatus failed = failWith("echo 'RPC not supported in this build'; exit 0");

      assertThat(failed.reason()).isEqualTo(HeadReason.HEAD_IMAGE_UNSUITABLE);
      assertThat(failed.message()).contains("RPC not supported in this build", "GGML_RPC=ON");
    }

    private HeadStatus failWith(String script) throws IOException {
      Path program =
          Files.createFile(
              folder.resolve("llama-server"),
              PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x")));
      Files.writeString(program, "#!/bin/sh\n" + script + "\n");
      try (StockWorker worker = StockWorker.start();
          RunningHead head = new RunningHead(config(List.of(worker.address()), program, 0, 60))) {
        return head.awaitPhase(HeadPhase.FAILED);
      }
    }
  }

  @Nested
  class GivenAWorkerOfAnotherVersion {

    @Test
    void whenItIsProven_thenBothVersionsAndTheRemedyAreNamed() throws IOException {
      try (ServerSocket worker = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        Thread.ofPlatform().daemon().start(() -> answerHello(worker, 9));
        try (RunningHead head =
            new RunningHead(config(List.of("127.0.0.1:" + worker.getLocalPort())))) {
          HeadStatus failed = head.awaitPhase(HeadPhase.FAILED);

          assertThat(failed.reason()).isEqualTo(HeadReason.WORKER_UNSUITABLE);
          assertThat(failed.message()).contains("cpu-0", "9.0.0", "8.0.0", "update");
        }
      }
    }

    private void answerHello(ServerSocket listener, int major) {
      try (Socket socket = listener.accept()) {
        assertThat(socket.getInputStream().readNBytes(33)).hasSize(33);
        byte[] answer = new byte[36];
        answer[0] = 28;
        answer[8] = (byte) major;
        socket.getOutputStream().write(answer);
        assertThat(socket.getInputStream().read()).isNegative();
      } catch (IOException _) {
        // It may well hang up by a reset.
      }
    }
  }

  @Nested
  class GivenAModelThatIsMissing {

    @TempDir Path folder;

    @Test
    void whenItComes_thenTheHeadServesWithoutHelp() throws IOException {
      Path model = folder.resolve("model.gguf");
      try (StockWorker worker = StockWorker.start();
          RunningHead head =
              new RunningHead(RunningHead.of(model, config(List.of(worker.address()))))) {
        HeadStatus failed = head.awaitPhase(HeadPhase.FAILED);
        assertThat(failed.reason()).isEqualTo(HeadReason.MODEL_NOT_FOUND);
        assertThat(failed.message()).contains(model.toString());

        Files.copy(RunningHead.MODEL, model);

        await("it serves").atMost(Duration.ofSeconds(90)).until(() -> head.supervisor.isReady());
        assertThat(head.ask("What is Knarr?")).isEqualTo(ANSWER);
      }
    }
  }

  @Nested
  class GivenASplitOverADeviceThatIsNotThere {

    @Test
    void whenTheHeadPlans_thenItNamesTheDeviceAndThoseThatAreThere() {
      var split =
          new HeadConfig.Split(
              HeadConfig.SplitMode.LAYER, List.of(new HeadConfig.SplitDevice("cpu-0/7", 8)));
      try (StockWorker worker = StockWorker.start();
          RunningHead head =
              new RunningHead(RunningHead.splitting(config(List.of(worker.address())), split))) {
        HeadStatus failed = head.awaitPhase(HeadPhase.FAILED);

        assertThat(failed.reason()).isEqualTo(HeadReason.UNKNOWN_DEVICE);
        assertThat(failed.message())
            .contains("cpu-0/7, which is not there", "Name it as one of these: cpu-0/0");
      }
    }
  }

  @Nested
  class GivenATakenPort {

    @Test
    void whenTheHeadStarts_thenItSaysWhichAndWhatToDo() throws IOException {
      try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
          StockWorker worker = StockWorker.start();
          RunningHead head =
              new RunningHead(
                  config(
                      List.of(worker.address()),
                      LlamaCppTree.program("llama-server"),
                      taken.getLocalPort(),
                      60))) {
        HeadStatus failed = head.awaitPhase(HeadPhase.FAILED);

        assertThat(failed.reason()).isEqualTo(HeadReason.ENDPOINT_TAKEN);
        assertThat(failed.message()).contains("127.0.0.1:" + taken.getLocalPort(), "another port");
      }
    }
  }
}
