// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import dev.knarr.testkit.peers.LlamaCppTree;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;

/** Stock workers and a stock llama-server over them, for what it logs about its buffers. */
final class StockServer implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final long MIB = 1L << 20;

  private final List<Process> processes = new ArrayList<>();
  private final List<Integer> ports = new ArrayList<>();
  private final Path log;

  private StockServer(Path log) {
    this.log = log;
  }

  /** Starts {@code workers} workers and loads a model over them; returns when it is loaded. */
  static StockServer load(Path folder, Path model, ContextOptions options, List<Integer> split)
      throws IOException {
    var server = new StockServer(folder.resolve("llama-server.log"));
    try {
      for (int i = 0; i < split.size(); i++) {
        int port = freePort();
        server.ports.add(port);
        server.start(
            folder.resolve("worker-" + i + ".log"),
            List.of(
                LlamaCppTree.program("ggml-rpc-server").toString(),
                "-H",
                "127.0.0.1",
                "-p",
                "" + port,
                "-t",
                "1"));
      }
      server.ports.forEach(StockServer::awaitOpen);
      server.startLlama(model, options, split);
      return server;
    } catch (IOException | RuntimeException | Error e) {
      server.close();
      throw e;
    }
  }

  private void startLlama(Path model, ContextOptions options, List<Integer> split)
      throws IOException {
    var workers = ports.stream().map(port -> "127.0.0.1:" + port).toList();
    var devices = IntStream.range(0, split.size()).mapToObj(i -> "RPC" + i).toList();
    var attention = options.flashAttention().name().toLowerCase(java.util.Locale.ROOT);
    var llama =
        start(
            log,
            List.of(
                LlamaCppTree.program("llama-server").toString(),
                "-m",
                model.toString(),
                "--rpc",
                String.join(",", workers),
                "--device",
                String.join(",", devices),
                "-ngl",
                "all",
                "--tensor-split",
                String.join(",", split.stream().map(String::valueOf).toList()),
                "--fit",
                "off",
                "-c",
                "" + (long) options.contextLength() * options.parallelSequences(),
                "-np",
                "" + options.parallelSequences(),
                "--no-kv-unified",
                "-ctk",
                options.keyType(),
                "-ctv",
                options.valueType(),
                "-fa",
                attention,
                "--cache-ram",
                "0",
                "--ctx-checkpoints",
                "0",
                "--threads",
                "1",
                "--no-warmup",
                "--host",
                "127.0.0.1",
                "--port",
                "" + freePort(),
                "-lv",
                "5"));
    Awaitility.await("llama-server has loaded " + model)
        .atMost(LIMIT)
        .failFast("llama-server ended, see " + log, () -> !llama.isAlive())
        .until(() -> Files.readString(log).contains("all slots are idle"));
  }

  private Process start(Path output, List<String> command) throws IOException {
    var builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    builder.environment().put("OMP_NUM_THREADS", "1");
    var process = builder.start();
    processes.add(process);
    return process;
  }

  private static void awaitOpen(int port) {
    Awaitility.await("worker on port " + port)
        .atMost(LIMIT)
        .ignoreExceptions()
        .until(
            () -> {
              try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
                return socket.isConnected();
              }
            });
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  /** Sum of the logged buffers of one kind ("model", "KV", "compute") on one device, in bytes. */
  long bufferBytes(int device, String kind) throws IOException {
    var pattern =
        Pattern.compile(
            "127\\.0\\.0\\.1:%d\\] *%s buffer size = +([0-9.]+) MiB"
                .formatted(ports.get(device), kind));
    return Math.round(
        pattern
                .matcher(Files.readString(log))
                .results()
                .mapToDouble(match -> Double.parseDouble(match.group(1)))
                .sum()
            * MIB);
  }

  @Override
  public void close() {
    for (var process : processes) {
      process.destroyForcibly();
    }
    for (var process : processes) {
      try {
        if (!process.waitFor(10, TimeUnit.SECONDS)) {
          throw new IllegalStateException("Process " + process.pid() + " does not end");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }
  }
}
