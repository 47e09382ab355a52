// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.api;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import dev.knarr.plan.FlashAttention;
import dev.knarr.plan.OutputPlace;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * All a head needs to know, read from one JSON file that the launcher or the operator writes.
 * Unknown fields and missing values are errors that name the file and the field. Immutable.
 *
 * @param identity for whom; absent outside of Kubernetes
 * @param model what to serve
 * @param context how much one sequence may hold, and how it is kept
 * @param workers the workers, in the order of their devices
 * @param tls how to speak to the workers; plain when absent
 * @param split which device holds how many layers; planned when absent
 * @param llamaServer the program that serves
 * @param http where the endpoint listens
 * @param management where status, metrics and health are served
 * @param apiKeyFile keys that clients must present, one on each line
 * @param drainSeconds how long running answers may take to finish when the head is asked to stop; 0
 *     ends them at once
 * @param limits how long the head waits for others
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record HeadConfig(
    @Nullable Identity identity,
    Model model,
    Context context,
    List<Worker> workers,
    @Nullable Tls tls,
    Split split,
    LlamaServer llamaServer,
    Http http,
    Management management,
    @Nullable Path apiKeyFile,
    int drainSeconds,
    Limits limits) {

  /** Checks that the workers are there and can be told apart; absent parts take their defaults. */
  public HeadConfig {
    Checks.required("model", model);
    Checks.required("workers", workers);
    Checks.required("llamaServer", llamaServer);
    // Jackson passes null, or 0, for what the file leaves out; so in all records here.
    context = context == null ? new Context(0, 1, "f16", "f16", FlashAttention.AUTO) : context;
    split = split == null ? new Split(SplitMode.LAYER, List.of()) : split;
    http = http == null ? new Http("127.0.0.1", 8080) : http;
    management = management == null ? new Management("127.0.0.1", 0) : management;
    limits = limits == null ? new Limits(0, 0, 0, 0) : limits;
    if (drainSeconds < 0) {
      throw new IllegalArgumentException(
          "drainSeconds is " + drainSeconds + ": give 0 or more seconds");
    }
    workers = List.copyOf(workers);
    if (workers.isEmpty()) {
      throw new IllegalArgumentException("workers is empty: name at least one worker");
    }
    Set<String> names = new HashSet<>();
    for (Worker worker : workers) {
      if (!names.add(worker.name())) {
        throw new IllegalArgumentException(
            "workers has two entries named " + worker.name() + ": give each its own name");
      }
    }
  }

  /** Returns how long running answers may take to finish. */
  @JsonIgnore
  public Duration drain() {
    return Duration.ofSeconds(drainSeconds);
  }

  /**
   * What to serve.
   *
   * @param name what clients ask for
   * @param path the GGUF file, or the first of its parts
   * @param draftPath a smaller model with the same vocabulary that drafts tokens
   * @param projectorPath the projector of a model that sees images
   */
  public record Model(
      String name, Path path, @Nullable Path draftPath, @Nullable Path projectorPath) {
    /** Checks that name and path are there. */
    public Model {
      Checks.required("name", name);
      Checks.required("path", path);
    }
  }

  /**
   * How much one sequence may hold, and how it is kept.
   *
   * @param length tokens of one sequence; 0 means what the model was trained for
   * @param parallelSequences how many sequences are served side by side; 0 means one
   * @param keyType type of the keys in the cache
   * @param valueType type of the values in the cache
   * @param flashAttention whether to use flash attention
   */
  public record Context(
      int length,
      int parallelSequences,
      String keyType,
      String valueType,
      FlashAttention flashAttention) {
    /** Checks the ranges; absent values take their defaults. */
    public Context {
      if (length < 0) {
        throw new IllegalArgumentException("length is " + length + ": give 0 or more tokens");
      }
      if (parallelSequences < 0) {
        throw new IllegalArgumentException(
            "parallelSequences is " + parallelSequences + ": give 1 or more");
      }
      parallelSequences = Math.max(1, parallelSequences);
      keyType = keyType == null ? "f16" : keyType;
      valueType = valueType == null ? "f16" : valueType;
      flashAttention = flashAttention == null ? FlashAttention.AUTO : flashAttention;
    }
  }

  /**
   * A worker.
   *
   * @param name its name in the cluster, such as {@code a100-0}; its devices are {@code a100-0/0} …
   * @param address {@code host:port} of its RPC server
   * @param otherAddresses further ways to the same server; the fastest of all is taken
   */
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  public record Worker(String name, String address, List<String> otherAddresses) {
    /** Checks that each address is a host and a port. */
    public Worker {
      Checks.required("name", name);
      Checks.required("address", address);
      otherAddresses = otherAddresses == null ? List.of() : List.copyOf(otherAddresses);
      check("address", address);
      otherAddresses.forEach(other -> check("otherAddresses", other));
    }

    /** A worker with one address. */
    public Worker(String name, String address) {
      this(name, address, List.of());
    }

    private static void check(String field, String address) {
      int colon = address.lastIndexOf(':');
      if (colon < 1 || !isPort(address.substring(colon + 1))) {
        throw new IllegalArgumentException(
            field + " is '" + address + "': give host:port, such as 10.0.3.7:50052");
      }
    }

    /** Returns the worker once for each of its addresses, which then is its only one. */
    @JsonIgnore
    public List<Worker> ways() {
      return Stream.concat(Stream.of(address), otherAddresses.stream())
          .distinct()
          .map(way -> new Worker(name, way))
          .toList();
    }

    /** Returns the host part of the address. */
    @JsonIgnore
    public String host() {
      String host = address.substring(0, address.lastIndexOf(':'));
      return host.startsWith("[") && host.endsWith("]")
          ? host.substring(1, host.length() - 1)
          : host;
    }

    /** Returns the port part of the address. */
    @JsonIgnore
    public int port() {
      return Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
    }

    private static boolean isPort(String text) {
      return text.matches("[0-9]{1,5}")
          && Integer.parseInt(text) >= 1
          && Integer.parseInt(text) <= 65535;
    }
  }

  /**
   * TLS towards the workers, all of them. Files are PEM, and read again when they change.
   *
   * @param authority the CA whose certificates the workers must have
   * @param certificate what the head shows where workers want a certificate
   * @param key its key
   */
  public record Tls(Path authority, @Nullable Path certificate, @Nullable Path key) {
    /** Checks that the CA is there, and that certificate and key come together. */
    public Tls {
      Checks.required("authority", authority);
      if ((certificate == null) != (key == null)) {
        throw new IllegalArgumentException("certificate and key go together: give both, or none");
      }
    }
  }

  /**
   * Which device holds how many layers, and how the workers are used together.
   *
   * @param mode how the model is cut
   * @param devices the devices in order; empty means that the head plans
   * @param routerFeatures by name, what the router agrees on with workers that can; all when null,
   *     and with none of them it speaks the public protocol to all
   * @param output where the output layer is wanted; absent means where the plan finds it best
   */
  public record Split(
      SplitMode mode,
      List<SplitDevice> devices,
      @Nullable List<String> routerFeatures,
      OutputPlace output) {
    /** Absent values take their defaults. */
    public Split {
      mode = mode == null ? SplitMode.LAYER : mode;
      devices = devices == null ? List.of() : List.copyOf(devices);
      routerFeatures = routerFeatures == null ? null : List.copyOf(routerFeatures);
      output = output == null ? OutputPlace.AUTO : output;
      if (mode == SplitMode.TENSOR && output == OutputPlace.HEAD) {
        throw new IllegalArgumentException(
            "output is HEAD with mode TENSOR, which cuts the output layer too: leave one of them out");
      }
    }

    /** With all that the router can do. */
    public Split(SplitMode mode, List<SplitDevice> devices) {
      this(mode, devices, null, OutputPlace.AUTO);
    }
  }

  /** How the model is cut; written in any case, as {@code Layer} in an InferenceCluster. */
  public enum SplitMode {
    /** Whole layers, one device after the other. */
    LAYER,
    /** Every layer over two workers. */
    TENSOR
  }

  /**
   * The layers of one device.
   *
   * @param name the device, such as {@code a100-0/0}, or {@code head/0} for the first of
   *     llama-server's own
   * @param layers how many layers it holds; planned when absent, which then is so for all
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record SplitDevice(String name, @Nullable Integer layers) {
    /** Checks the range. */
    public SplitDevice {
      Checks.required("name", name);
      if (layers != null && layers < 0) {
        throw new IllegalArgumentException("layers is " + layers + ": give 0 or more");
      }
    }

    /** A device with a number of layers, or with a planned one. */
    public static SplitDevice of(String name, OptionalInt layers) {
      return new SplitDevice(name, layers.isPresent() ? layers.getAsInt() : null);
    }

    /** Returns how many layers it holds; empty when that is planned. */
    @JsonIgnore
    public OptionalInt fixedLayers() {
      return layers == null ? OptionalInt.empty() : OptionalInt.of(layers);
    }
  }

  /**
   * The program that serves.
   *
   * @param program path of llama-server, or a plain name, which is looked for on PATH and where
   *     images keep it
   * @param arguments what the user adds to the arguments of the plan
   * @param threads threads of llama-server itself; 0 means one, since the workers compute
   */
  public record LlamaServer(Path program, List<String> arguments, int threads) {
    /** Absent values take their defaults. */
    public LlamaServer {
      Checks.required("program", program);
      arguments = arguments == null ? List.of() : List.copyOf(arguments);
      threads = Math.max(1, threads);
    }
  }

  /**
   * Where the endpoint listens, and how many requests may wait there, and for how long, while
   * llama-server loads or starts again; 0 means the default.
   *
   * @param host address to listen on
   * @param port port to listen on; 0 means any free one
   * @param waitSeconds how long a request may wait; 300 by default
   * @param waitingRequests how many may wait at the same time; 512 by default
   * @param keptMebibytes how much memory requests and answers may take that are kept whole, so that
   *     a request can be run again; 64 by default
   */
  public record Http(
      String host, int port, int waitSeconds, int waitingRequests, int keptMebibytes) {
    /** Absent host means loopback, absent limits their defaults. */
    public Http {
      host = host == null ? "127.0.0.1" : host;
      checkPort(port);
      if (Math.min(waitSeconds, Math.min(waitingRequests, keptMebibytes)) < 0) {
        throw new IllegalArgumentException(
            "a limit of the endpoint is negative: give a positive number, or 0 for the default");
      }
      waitSeconds = waitSeconds == 0 ? 300 : waitSeconds;
      waitingRequests = waitingRequests == 0 ? 512 : waitingRequests;
      keptMebibytes = keptMebibytes == 0 ? 64 : keptMebibytes;
    }

    /** An endpoint with the default limits. */
    public Http(String host, int port) {
      this(host, port, 0, 0, 0);
    }

    /** Returns how long a request may wait. */
    @JsonIgnore
    public Duration patience() {
      return Duration.ofSeconds(waitSeconds);
    }

    /** Returns how many bytes may be kept. */
    @JsonIgnore
    public long keptBytes() {
      return (long) keptMebibytes << 20;
    }
  }

  /**
   * Where status, metrics and health are served.
   *
   * @param host address to listen on; loopback when absent
   * @param port port to listen on; 0 means any free one
   */
  public record Management(String host, int port) {
    /** Absent host means loopback. */
    public Management {
      host = host == null ? "127.0.0.1" : host;
      checkPort(port);
    }
  }

  /**
   * How long the head waits for others, each in seconds; 0 means the default.
   *
   * @param workersSeconds for workers that have not answered yet when the head starts; {@value
   *     #WITHOUT_END} never gives up
   * @param recoverySeconds for workers to come back after a loss; {@value #WITHOUT_END} never gives
   *     up
   * @param stallSeconds for any progress of a llama-server that loads
   * @param stopSeconds for llama-server to end by itself when asked to
   * @param replanSeconds for a worker that is missing before a plan is made without it; waits for
   *     it when absent
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Limits(
      int workersSeconds,
      int recoverySeconds,
      int stallSeconds,
      int stopSeconds,
      @Nullable Integer replanSeconds) {

    /** A limit that is none. */
    public static final int WITHOUT_END = -1;

    /** Absent values take their defaults. */
    public Limits {
      workersSeconds = workersSeconds == 0 ? 120 : workersSeconds;
      recoverySeconds = recoverySeconds == 0 ? 600 : recoverySeconds;
      stallSeconds = stallSeconds == 0 ? 600 : stallSeconds;
      stopSeconds = stopSeconds == 0 ? 20 : stopSeconds;
      if (Math.min(workersSeconds, recoverySeconds) < WITHOUT_END
          || Math.min(stallSeconds, stopSeconds) < 0) {
        throw new IllegalArgumentException(
            "a limit is negative: give seconds, or -1 to wait for workers without end");
      }
      if (replanSeconds != null && replanSeconds < 1) {
        throw new IllegalArgumentException(
            "replanSeconds is " + replanSeconds + ": give 1 or more, or leave it out");
      }
    }

    /** Without a plan for less than all workers. */
    public Limits(int workersSeconds, int recoverySeconds, int stallSeconds, int stopSeconds) {
      this(workersSeconds, recoverySeconds, stallSeconds, stopSeconds, null);
    }

    /**
     * Waits for workers without end.
     *
     * @param replanSeconds when to plan without those that are missing; never when empty
     */
    public static Limits patient(OptionalInt replanSeconds, int stopSeconds) {
      return new Limits(
          WITHOUT_END,
          WITHOUT_END,
          0,
          stopSeconds,
          replanSeconds.isPresent() ? replanSeconds.getAsInt() : null);
    }

    /** Returns the limit for workers at the start; empty for none. */
    @JsonIgnore
    public Optional<Duration> workers() {
      return limit(workersSeconds);
    }

    /** Returns the limit for workers that come back; empty for none. */
    @JsonIgnore
    public Optional<Duration> recovery() {
      return limit(recoverySeconds);
    }

    /** Returns how long a worker may be missing before it is planned without it; empty for ever. */
    @JsonIgnore
    public Optional<Duration> replan() {
      return Optional.ofNullable(replanSeconds).map(Duration::ofSeconds);
    }

    private static Optional<Duration> limit(int seconds) {
      return seconds == WITHOUT_END ? Optional.empty() : Optional.of(Duration.ofSeconds(seconds));
    }

    /** Returns the limit for progress while loading. */
    @JsonIgnore
    public Duration stall() {
      return Duration.ofSeconds(stallSeconds);
    }

    /** Returns the limit for a graceful end. */
    @JsonIgnore
    public Duration stop() {
      return Duration.ofSeconds(stopSeconds);
    }
  }

  /**
   * Reads a configuration.
   *
   * @throws HeadException with {@link HeadReason#CONFIG_INVALID} when the file cannot be read or
   *     holds anything that is not understood
   */
  public static HeadConfig read(Path file) {
    return JsonFile.read(file, HeadConfig.class, "Head configuration");
  }

  /** Writes this configuration as the JSON that {@link #read} takes. */
  public String toJson() {
    return JsonFile.write(this);
  }

  private static void checkPort(int port) {
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("port is " + port + ": give 0 to 65535");
    }
  }
}
