// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli;

import dev.knarr.ggml.NumaMode;
import dev.knarr.worker.WorkerMain;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * {@code knarr worker}. Every option is also a property {@code knarr.worker.…} and an environment
 * variable {@code KNARR_WORKER_…}; only options that are given become system properties, so that
 * the command line wins and everything else keeps its place.
 */
@Command(
    name = "worker",
    mixinStandardHelpOptions = true,
    versionProvider = KnarrVersion.class,
    sortOptions = false,
    description = {
      "Serves this machine's devices over the RPC protocol of ggml, to a head or to any llama.cpp program of the same protocol.",
      ""
    })
final class WorkerCommand implements Callable<Integer> {
  @Option(
      names = "--host",
      paramLabel = "ADDRESS",
      description =
          "Address to listen on. Without TLS whoever reaches it is served: listen to a network you trust only. Default: 127.0.0.1.")
  private @Nullable String host;

  @Option(
      names = "--port",
      paramLabel = "PORT",
      description = "RPC port; 0 takes any free one. Default: 50052.")
  private @Nullable Integer port;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute on the CPU. Default: one for each physical core.")
  private @Nullable Integer threads;

  @Option(
      names = "--numa",
      paramLabel = "MODE",
      description =
          "Placement of CPU threads on a machine with several memory nodes: distribute, isolate or numactl. Default: as"
              + " they come.")
  private @Nullable NumaMode numa;

  @Option(
      names = "--device",
      paramLabel = "NAME",
      description =
          "A device of ggml to offer, such as CPU, CUDA0 or Vulkan0; repeat it for several, in order. Default: all.")
  private @Nullable List<String> devices;

  @Option(
      names = "--ggml-dir",
      paramLabel = "FOLDER",
      description =
          "Folder of ggml's libraries; also KNARR_GGML_DIR. Default: the system's ggml, otherwise the one Knarr fetches.")
  private @Nullable Path ggmlDir;

  @Option(
      names = "--memory-limit",
      paramLabel = "SIZE",
      description =
          "The most memory of each device to hand out in buffers, such as 16Gi. Graphs take a little"
              + " more. Default: all that the devices have.")
  private @Nullable String memoryLimit;

  @Option(
      names = "--repack",
      arity = "1",
      paramLabel = "BOOLEAN",
      description =
          "Repack weights on the CPU for ggml's faster kernels; false computes bit for bit as ggml-rpc-server does. Default:"
              + " true.")
  private @Nullable Boolean repack;

  @Option(
      names = "--cache-dir",
      paramLabel = "FOLDER",
      description =
          "Folder to keep large weights in, so that they cross the network once; workers may share it. Default: none.")
  private @Nullable Path cacheDir;

  @Option(
      names = "--cache-size",
      paramLabel = "SIZE",
      description =
          "The most that all files in that folder may take, such as 200Gi; the longest unused go first. Default: half of what the disk has free or the cache has taken already.")
  private @Nullable String cacheSize;

  @Option(
      names = "--seed",
      paramLabel = "MODEL",
      description =
          "A local GGUF in which to find weights instead of receiving them; nothing is copied. Of a model in parts, name one; repeat it for several models. Default: none.")
  private @Nullable List<Path> seeds;

  @Option(
      names = "--tls-cert",
      paramLabel = "FILE",
      description =
          "The worker's certificate (PEM), followed by those that lead to its CA: the RPC port speaks TLS. Read again when it changes.")
  private @Nullable Path tlsCert;

  @Option(
      names = "--tls-key",
      paramLabel = "FILE",
      description = "The key of this certificate (PEM, not encrypted).")
  private @Nullable Path tlsKey;

  @Option(
      names = "--tls-client-ca",
      paramLabel = "FILE",
      description =
          "The CA of clients and other workers (PEM): who shows no certificate of it is refused.")
  private @Nullable Path tlsClientCa;

  @Option(
      names = "--management-port",
      paramLabel = "PORT",
      description =
          "Port of /metrics and /q/health on the same address; 0 takes any free one. Default: 9052.")
  private @Nullable Integer managementPort;

  @Option(
      names = "--log-format",
      paramLabel = "FORMAT",
      description =
          "text, or json: one object per line. Default: what KNARR_LOG_FORMAT says, otherwise text.")
  private @Nullable LogFormat logFormat;

  @Option(
      names = "--announce",
      paramLabel = "FILE",
      description = "File to write the opened ports to, as JSON, once they are open.")
  private @Nullable Path announce;

  WorkerCommand() {}

  @Override
  public Integer call() {
    set("host", host);
    set("port", port);
    set("threads", threads);
    set("numa", numa);
    set("device", devices == null ? null : commaSeparated(devices));
    set("ggml-dir", absolute(ggmlDir));
    set("memory-limit", memoryLimit);
    set("repack", repack);
    set("cache-dir", absolute(cacheDir));
    set("cache-size", cacheSize);
    set("seed", seeds == null ? null : commaSeparated(absolute(seeds)));
    set("tls-cert", absolute(tlsCert));
    set("tls-key", absolute(tlsKey));
    set("tls-client-ca", absolute(tlsClientCa));
    set("management-port", managementPort);
    set("announce", absolute(announce));
    if (managementPort != null) {
      // Before QUARKUS_HTTP_PORT of the environment, too.
      System.setProperty("quarkus.http.port", managementPort.toString());
    }
    LogFormat.choose(logFormat, "KNARR_WORKER_LOG_FORMAT");
    return QuarkusProcess.run("worker", WorkerMain.class);
  }

  private static void set(String name, @Nullable Object value) {
    if (value != null) {
      System.setProperty("knarr.worker." + name, value.toString());
    }
  }

  private static List<String> absolute(List<Path> paths) {
    return paths.stream().map(path -> path.toAbsolutePath().toString()).toList();
  }

  private static @Nullable Path absolute(@Nullable Path path) {
    return path == null ? null : path.toAbsolutePath();
  }

  /** As SmallRye Config reads a list: a comma inside a value is escaped. */
  private static String commaSeparated(List<String> values) {
    return values.stream()
        .map(value -> value.replace("\\", "\\\\").replace(",", "\\,"))
        .collect(Collectors.joining(","));
  }
}
