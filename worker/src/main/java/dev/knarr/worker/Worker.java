// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.ggml.Ggml;
import dev.knarr.ggml.GgmlDevice;
import dev.knarr.ggml.GgmlLocation;
import dev.knarr.os.CacheFolder;
import dev.knarr.os.Processors;
import dev.knarr.plan.ByteSize;
import dev.knarr.rpc.ProtocolEdition;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.MessageBudget;
import dev.knarr.rpc.wire.WireLimits;
import dev.knarr.worker.WorkerStartException.Reason;
import dev.knarr.worker.cache.TensorCache;
import dev.knarr.worker.device.Device;
import dev.knarr.worker.device.DeviceProbe;
import dev.knarr.worker.graph.GraphStores;
import dev.knarr.worker.server.CommandLog;
import dev.knarr.worker.server.ConnectionReport;
import dev.knarr.worker.server.RpcServer;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.UnresolvedAddressException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running worker: ggml loaded and checked, every device proven, the RPC port open. Opened and
 * closed by one thread.
 */
public final class Worker implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Worker.class);

  private final List<Device> devices;
  private final TensorCache cache;
  private final RpcServer server;
  private boolean closed;

  /**
   * Starts a worker; when this returns, every device has computed and clients are served.
   *
   * @throws WorkerStartException if ggml, a device, the cache or the port cannot be had; the
   *     message says what to do
   */
  public static Worker open(WorkerConfig config, MeterRegistry registry) {
    var metrics = new WorkerMetrics(registry);
    var cacheMetrics = new CacheMetrics(registry);
    var cache = openCache(config, cacheMetrics);
    cacheMetrics.register(cache);
    var devices = List.<Device>of();
    try {
      devices = openDevices(config);
      for (var device : devices) {
        DeviceProbe.run(device);
        metrics.register(device);
        LOG.info(
            "Device {} ({}, {}): {} of {} free",
            device.name(),
            device.ggml().kind(),
            device.ggml().description(),
            ByteSize.format(device.freeBytes()),
            ByteSize.format(device.totalBytes()));
        device
            .repack()
            .ifPresent(
                repack ->
                    LOG.info(
                        "{}: weights of {} are repacked for faster multiplication",
                        device.name(),
                        String.join(", ", repack.typeNames())));
      }
      var tls = WorkerTls.open(config, metrics);
      var server = openServer(config, devices, cache, tls, metrics);
      LOG.info(
          "RPC protocol {} at {}:{}{}",
          ProtocolEdition.CURRENT.version(),
          config.host(),
          server.address().getPort(),
          tls.isPresent() ? " with TLS" : "");
      if (!server.address().getAddress().isLoopbackAddress()) {
        warnOfStrangers(tls);
      }
      return new Worker(devices, cache, server);
    } catch (RuntimeException e) {
      devices.forEach(Device::close);
      cache.close();
      throw e;
    }
  }

  private static void warnOfStrangers(Optional<WorkerTls> tls) {
    if (tls.isEmpty()) {
      LOG.warn(
          "The RPC port is open to the network without encryption, and whoever reaches it is served. Use it on a private"
              + " network only, or with TLS: './knarr certs HOST' makes certificates and says how");
    } else if (!tls.get().knowsClients()) {
      LOG.warn(
          "The RPC port is open to the network: it is encrypted, but whoever reaches it is served. Name the CA of clients with --tls-client-ca");
    }
  }

  private Worker(List<Device> devices, TensorCache cache, RpcServer server) {
    this.devices = devices;
    this.cache = cache;
    this.server = server;
  }

  private static TensorCache openCache(WorkerConfig config, CacheMetrics metrics) {
    var seeds = config.seed().orElse(List.of());
    for (var seed : seeds) {
      if (!Files.isReadable(seed)) {
        throw new WorkerStartException(
            Reason.CONFIG_INVALID,
            "The model %s cannot be read: name an existing GGUF with --seed.".formatted(seed));
      }
    }
    var settings =
        new TensorCache.Settings(
            config.cacheDir(),
            config.cacheSize().map(Worker::cacheBytes).orElse(OptionalLong.empty()),
            seeds,
            CacheFolder.path().resolve("seeds"));
    try {
      return TensorCache.open(settings, metrics);
    } catch (IOException e) {
      throw new WorkerStartException(
          Reason.CACHE_NOT_WRITABLE,
          "The cache folder %s cannot be used (%s): name one with --cache-dir that can be written, or leave it out."
              .formatted(config.cacheDir().orElseThrow(), e),
          e);
    }
  }

  private static OptionalLong cacheBytes(String size) {
    try {
      return OptionalLong.of(ByteSize.parse(size));
    } catch (IllegalArgumentException e) {
      throw new WorkerStartException(Reason.CONFIG_INVALID, "--cache-size: " + e.getMessage(), e);
    }
  }

  private static RpcServer openServer(
      WorkerConfig config,
      List<Device> devices,
      TensorCache cache,
      Optional<WorkerTls> tls,
      WorkerMetrics metrics) {
    var settings = settings(config, tls);
    metrics.register(settings.budget());
    try {
      return RpcServer.open(
          settings,
          devices,
          new GraphStores(devices, graphLimits(config), metrics),
          cache,
          metrics,
          metrics);
    } catch (IOException | UnresolvedAddressException e) {
      throw new WorkerStartException(
          Reason.CONFIG_INVALID,
          "Port %d on %s cannot be opened (%s): another program may have it; choose one with --port, or 0 for any free one."
              .formatted(config.port(), config.host(), e),
          e);
    }
  }

  private static GraphStores.Limits graphLimits(WorkerConfig config) {
    return new GraphStores.Limits(
        ByteSize.parse(config.graphMemory()),
        ByteSize.parse(config.nativeGraphMemory()),
        config.graphTimeout());
  }

  private static RpcServer.Settings settings(WorkerConfig config, Optional<WorkerTls> tls) {
    Transport transport = tls.isPresent() ? tls.get() : Transport.PLAIN;
    // Without the CA of the others nobody could tell another worker from a stranger.
    boolean trusting = tls.isEmpty() || tls.get().knowsClients();
    var limits = WireLimits.defaults();
    // Beside its bytes a graph needs about as much again while it is checked.
    long messageBytes = Runtime.getRuntime().maxMemory() / 3;
    return new RpcServer.Settings(
        new InetSocketAddress(config.host(), config.port()),
        transport,
        trusting ? Optional.of(transport) : Optional.empty(),
        limits,
        MessageBudget.of(messageBytes, limits, config.messageTimeout()),
        ByteSize.parse(config.routeMemory()),
        config.parkTime(),
        config.maxConnections(),
        config.maxConnectionsPerAddress().orElse(Math.max(1, config.maxConnections() * 3 / 4)),
        config.helloTimeout(),
        config.messageTimeout(),
        config.graphTimeout(),
        config.stopTimeout());
  }

  private static List<Device> openDevices(WorkerConfig config) {
    var location =
        GgmlLocation.find(config.ggmlDir().orElse(null), CacheFolder.llamaCpp())
            .orElseThrow(
                () ->
                    new WorkerStartException(
                        Reason.CONFIG_INVALID,
                        "No ggml libraries were found: install Debian's libggml0, or name their"
                            + " folder with --ggml-dir or KNARR_GGML_DIR."));
    var ggml = Ggml.load(location);
    long limit = config.memoryLimit().map(ByteSize::parse).orElse(Long.MAX_VALUE);
    int threads = config.threads().orElseGet(Processors::cores);
    if (threads < 1) {
      throw new WorkerStartException(
          Reason.CONFIG_INVALID, "--threads is " + threads + ", but must be 1 or more.");
    }
    config.numa().ifPresent(ggml::spreadOverNodes);
    Optional<GgmlDevice> cpu =
        ggml.devices().stream().filter(d -> d.kind() == GgmlDevice.Kind.CPU).findFirst();
    var devices = new ArrayList<Device>();
    try {
      for (var device : offered(ggml, config)) {
        devices.add(
            Device.open(
                device, cpu.filter(other -> other != device), threads, limit, config.repack()));
      }
    } catch (RuntimeException e) {
      devices.forEach(Device::close);
      throw e;
    }
    return devices;
  }

  private static List<GgmlDevice> offered(Ggml ggml, WorkerConfig config) {
    var wanted = config.device().orElse(List.of());
    if (wanted.isEmpty()) {
      // Helpers of the CPU (ACCEL) have no memory of their own that a client could use.
      return ggml.devices().stream().filter(d -> d.kind() != GgmlDevice.Kind.ACCEL).toList();
    }
    return wanted.stream().map(name -> byName(ggml, name)).toList();
  }

  private static GgmlDevice byName(Ggml ggml, String name) {
    return ggml.devices().stream()
        .filter(device -> device.name().equalsIgnoreCase(name))
        .findFirst()
        .orElseThrow(
            () ->
                new WorkerStartException(
                    Reason.UNKNOWN_DEVICE,
                    "There is no device %s; ggml found %s. A missing GPU usually means a missing driver or backend library in %s."
                        .formatted(
                            name,
                            ggml.devices().stream()
                                .map(GgmlDevice::name)
                                .collect(Collectors.joining(", ")),
                            ggml.directory())));
  }

  /** Where clients connect, with the port that was opened. */
  public InetSocketAddress address() {
    return server.address();
  }

  /** What logs the commands of its clients. */
  public CommandLog commandLog() {
    return server.commandLog();
  }

  /** The clients that are connected, and what each has had of the devices. */
  public List<ConnectionReport> connections() {
    return server.connections();
  }

  /** The devices offered, in the order of their numbers. */
  public List<Device> devices() {
    return devices;
  }

  /**
   * Finishes running graphs within the configured limit, stops those that go on, then gives
   * everything back. Twice is once.
   */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      server.close();
      devices.forEach(Device::close);
      cache.close();
    }
  }

  /** Whether a device still computes after all was closed, since its backend cannot be stopped. */
  public boolean isStillComputing() {
    return devices.stream().anyMatch(Device::isStillComputing);
  }
}
