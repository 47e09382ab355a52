// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.knarr.certs.Authority;
import dev.knarr.certs.Leaf;
import dev.knarr.certs.Pem;
import dev.knarr.rpc.transport.TlsCredentials;
import dev.knarr.rpc.transport.TlsException;
import dev.knarr.rpc.transport.TlsFiles;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import dev.knarr.testkit.kube.SecretVolume;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Certificates of a minute's life, in folders that change as mounted Secrets do, under an answer
 * that is being generated: authorities and leaves follow one another in the order in which the
 * operator renews them, each folder at a time of its own.
 */
@Timeout(300)
class RenewalIT {
  private static final Duration LIFE = Duration.ofMinutes(1);
  private static final int ROTATIONS = 3;
  private static final int TOKENS = 400;
  private static final Pattern ENDPOINT = Pattern.compile("Ready after .* at (http://\\S+)");

  @TempDir private static Path folder;

  private static Authority authority(Duration life) {
    return Authority.make("Knarr CA", Instant.now(), life);
  }

  /** One pod's certificates. */
  private record Pod(SecretVolume volume, String name, boolean isWorker) {
    static Pod of(String name, boolean isWorker) {
      return new Pod(SecretVolume.at(folder.resolve(name)), name, isWorker);
    }

    void show(Authority signer, Authority... trusted) {
      show(LIFE, signer, trusted);
    }

    void show(Duration life, Authority signer, Authority... trusted) {
      var leaf =
          isWorker
              ? Leaf.ofPeer(name, List.of(), List.of("127.0.0.1"), life)
              : Leaf.ofClient(name, life);
      var shown = signer.issue(leaf, Instant.now());
      volume.put(
          Map.of(
              "tls.crt",
              shown.certificatePem(),
              "tls.key",
              shown.keyPem(),
              "ca.crt",
              Pem.bundle(Stream.of(trusted).map(Authority::certificate).toList())));
    }

    String path(String name) {
      return volume.path(name).toString();
    }

    TlsCredentials credentials() {
      return TlsCredentials.load(
          new TlsFiles(volume.path("tls.crt"), volume.path("tls.key"), volume.path("ca.crt")),
          Duration.ofSeconds(30),
          TlsCredentials.Renewal.NONE);
    }

    RunningWorker start() {
      return RunningWorker.start(
          folder,
          name,
          "--tls-cert",
          path("tls.crt"),
          "--tls-key",
          path("tls.key"),
          "--tls-client-ca",
          path("ca.crt"));
    }
  }

  private static void greet(RunningWorker worker, TlsCredentials credentials) throws IOException {
    int port = Integer.parseInt(worker.rpc().substring(worker.rpc().indexOf(':') + 1));
    try (var socket =
        SocketChannel.open(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))) {
      RpcClientChannel.over(
              credentials.connected(socket, "127.0.0.1", port),
              WireLimits.defaults(),
              FrameMeter.NONE)
          .hello();
    }
  }

  /** Answers that are asked for one after the other, as streams, until it is stopped. */
  private static final class Answers {
    private final AtomicInteger tokens = new AtomicInteger();
    private final AtomicBoolean stopped = new AtomicBoolean();
    private final CompletableFuture<Void> done;

    Answers(String endpoint) {
      done = CompletableFuture.runAsync(() -> ask(endpoint));
    }

    private void ask(String endpoint) {
      var request =
          HttpRequest.newBuilder(URI.create(endpoint + "/chat/completions"))
              .timeout(Duration.ofMinutes(2))
              .header("Content-Type", "application/json")
              .POST(
                  HttpRequest.BodyPublishers.ofString(
                      """
                      {"messages":[{"role":"user","content":"What is Knarr?"}],"temperature":0,
                       "stream":true,"ignore_eos":true,"max_tokens":%d}"""
                          .formatted(TOKENS)))
              .build();
      try (var http = HttpClient.newHttpClient()) {
        while (!stopped.get()) {
          var lines = http.send(request, BodyHandlers.ofLines()).body().toList();
          assertThat(lines).as("an answer ends as it should").contains("data: [DONE]");
          assertThat(lines).anyMatch(line -> line.contains("\"finish_reason\":\"length\""));
          tokens.addAndGet(TOKENS);
        }
      } catch (IOException e) {
        throw new IllegalStateException("A stream broke after %s tokens".formatted(tokens), e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    void awaitMore() {
      int before = tokens.get();
      await("another answer, all of it after this")
          .atMost(Duration.ofMinutes(2))
          .failFast(done::isCompletedExceptionally)
          .until(() -> tokens.get() >= before + 2 * TOKENS);
    }

    void stop() {
      stopped.set(true);
      done.join();
    }
  }

  private static Path cluster() throws IOException {
    return Files.writeString(
        folder.resolve("cluster.yaml"),
        """
        apiVersion: knarr.dev/v1alpha1
        kind: InferenceCluster
        metadata: { name: renewed }
        spec:
          model:
            name: demo
            source: { path: %s }
            contextLength: 1024
          workers:
            - name: cpu
              replicas: 2
              backend: cpu
        """
            .formatted(KnarrProcess.ROOT.resolve("docs/examples/models/knarr-demo-q8_0.gguf")));
  }

  @Nested
  class GivenAClusterThatAnswers {
    private final Pod first = Pod.of("first", true);
    private final Pod second = Pod.of("second", true);
    private final Pod head = Pod.of("head", false);
    private final Pod former = Pod.of("former", false);

    @Test
    void whenAuthoritiesAndLeavesAreRenewed_thenNothingBreaksAndTheOldOnesAreRefused()
        throws Exception {
      // The start may take longer than the life of those that are looked at.
      var current = authority(Duration.ofHours(1));
      for (var pod : List.of(first, second, head)) {
        pod.show(Duration.ofHours(1), current, current);
      }
      try (var one = first.start();
          var two = second.start();
          var knarr = up(one, two)) {
        var matcher = ENDPOINT.matcher(knarr.awaitOutput("Ctrl-C stops everything").output());
        assertThat(matcher.find()).as("the endpoint in:%n%s", knarr.output()).isTrue();
        var llamaServer = knarr.awaitPart(KnarrProcess.llamaServer());
        var answers = new Answers(matcher.group(1));
        var heads = head.credentials();

        int rotations = 0;
        var end = Instant.MAX;
        while (rotations < ROTATIONS || !Instant.now().isAfter(end)) {
          var next = authority(LIFE);
          for (var pod : List.of(first, head, second)) {
            pod.show(current, current, next);
            greet(one, heads);
            greet(two, heads);
          }
          for (var pod : List.of(second, head, first)) {
            pod.show(next, next, current);
            greet(one, heads);
            greet(two, heads);
          }
          former.show(current, next);
          greet(one, former.credentials());
          for (var pod : List.of(head, first, second)) {
            pod.show(next, next);
            greet(one, heads);
            greet(two, heads);
          }
          for (var worker : List.of(one, two)) {
            assertThatThrownBy(() -> greet(worker, former.credentials()))
                .isInstanceOf(TlsException.class);
          }
          current = next;
          if (rotations++ == 0) {
            end = current.own().expires();
          }
        }
        answers.awaitMore();
        answers.stop();

        assertThat(Instant.now()).as("the first authority of a minute has ended").isAfter(end);
        assertThat(llamaServer.isAlive()).isTrue();
        assertThat(knarr.output()).doesNotContain("again");
        for (var worker : List.of(one, two)) {
          assertThat(worker.metric("knarr_worker_tls_certificate_renewal_total", "done"))
              .isEqualTo(3 * rotations);
          assertThat(worker.metric("knarr_worker_tls_certificate_renewal_total", "failed"))
              .isZero();
        }
        knarr.terminate();
        knarr.awaitExit();
        knarr.awaitNothingLeft();
      }
    }

    private KnarrProcess up(RunningWorker one, RunningWorker two) throws IOException {
      return KnarrProcess.start(
          "up",
          cluster().toString(),
          "--port",
          "0",
          "--worker",
          one.rpc(),
          "--worker",
          two.rpc(),
          "--tls-ca",
          head.path("ca.crt"),
          "--tls-cert",
          head.path("tls.crt"),
          "--tls-key",
          head.path("tls.key"));
    }
  }
}
