// SPDX-License-Identifier: Apache-2.0
package dev.knarr.worker;

import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RpcCommand;
import dev.knarr.rpc.transport.TlsCredentials;
import dev.knarr.rpc.transport.TlsFault;
import dev.knarr.rpc.wire.Direction;
import dev.knarr.rpc.wire.FrameMeter;
import dev.knarr.rpc.wire.MessageBudget;
import dev.knarr.worker.device.Device;
import dev.knarr.worker.device.ParkedBuffers;
import dev.knarr.worker.server.LinkFault;
import dev.knarr.worker.server.ServerEvents;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToDoubleFunction;

/**
 * The worker's meters. Names are constants here and rows of {@code docs/reference/metrics.md}; tags
 * come from enums or are device names. Any thread may call.
 */
public final class WorkerMetrics implements FrameMeter, ServerEvents {
  /** Bytes of RPC frames, framing included. */
  public static final String RPC_BYTES = "knarr.worker.rpc.bytes";

  /** RPC frames. */
  public static final String RPC_FRAMES = "knarr.worker.rpc.frames";

  /** Time from a request read to its answer written or, without an answer, to its end. */
  public static final String CALL_DURATION = "rpc.server.call.duration";

  /** Clients connected now. */
  public static final String CONNECTIONS = "knarr.worker.connection.active";

  /** Clients that have connected. */
  public static final String CONNECTIONS_ACCEPTED = "knarr.worker.connection.accepted";

  /** Clients that were not let in. */
  public static final String CONNECTIONS_REFUSED = "knarr.worker.connection.refused";

  /** Bytes of graphs that are being read or checked. */
  public static final String MESSAGES_MEMORY = "knarr.worker.message.memory";

  /** Requests refused, each of which closed its connection. */
  public static final String REJECTED = "knarr.worker.request.rejected";

  /** TLS handshakes of clients, done or failed. */
  public static final String HANDSHAKES = "knarr.worker.tls.handshake";

  /** Changes of the files with certificates, taken over or not. */
  public static final String CERTIFICATE_RENEWALS = "knarr.worker.tls.certificate.renewal";

  /** Links to another worker that clients who split tensors asked for, made or not. */
  public static final String LINKS = "knarr.worker.link.join";

  /** Seconds until the worker's certificate ends. */
  public static final String CERTIFICATE_REMAINING = "knarr.worker.tls.certificate.remaining";

  /** Uids under which clients may have graphs computed again. */
  public static final String GRAPHS_STORED = "knarr.worker.graph.stored";

  /** Graphs received to be stored; known ones are the same over the same buffers as an earlier. */
  public static final String GRAPHS_RECEIVED = "knarr.worker.graph.received";

  /** Different graphs kept in compact form for all clients. */
  public static final String GRAPHS_ARCHIVED = "knarr.worker.graph.archived";

  /** Memory of compact forms. */
  public static final String ARCHIVE_MEMORY = "knarr.worker.graph.archive.memory";

  /** Native graphs kept. */
  public static final String GRAPHS_NATIVE = "knarr.worker.graph.native";

  /** Memory of kept native graphs. */
  public static final String GRAPHS_MEMORY = "knarr.worker.graph.memory";

  /** Native graphs closed to make room. */
  public static final String GRAPHS_EVICTED = "knarr.worker.graph.evicted";

  /** Native graphs made again from their compact form. */
  public static final String GRAPHS_REBUILT = "knarr.worker.graph.rebuilt";

  /** Graphs computed from a description just received. */
  public static final String GRAPHS_COMPUTED = "knarr.worker.graph.computed";

  /** Graphs computed again by name. */
  public static final String GRAPHS_RECOMPUTED = "knarr.worker.graph.recomputed";

  /** Time a device spent on graphs. */
  public static final String COMPUTE_DURATION = "knarr.worker.graph.compute.duration";

  /** Nodes computed on the CPU because the device cannot. */
  public static final String FALLBACK_NODES = "knarr.worker.graph.fallback.nodes";

  /** Memory that ggml keeps for computing on the CPU. */
  public static final String SCRATCH = "knarr.worker.graph.scratch";

  /** Bytes of buffers handed out. */
  public static final String BUFFERS = "knarr.worker.buffer.allocated";

  /** Bytes of weights that wait for their router. */
  public static final String PARKED = "knarr.worker.buffer.parked";

  /** Parked buffers that their router has come back for. */
  public static final String ADOPTED = "knarr.worker.buffer.adopted";

  /** Parked buffers that were given up. */
  public static final String DROPPED = "knarr.worker.buffer.dropped";

  /** Bytes of weights in one of ggml's faster layouts. */
  public static final String WEIGHTS_REPACKED = "knarr.worker.weights.repacked";

  /** Weights that were given their plain layout back. */
  public static final String WEIGHTS_RESTORED = "knarr.worker.weights.restored";

  /** Bytes of a device that can still be handed out. */
  public static final String MEMORY_FREE = "knarr.worker.device.memory.free";

  /** Bytes a device may hand out in all. */
  public static final String MEMORY_TOTAL = "knarr.worker.device.memory.total";

  private static final String COMMAND = "command";
  private static final String DIRECTION = "direction";
  private static final String DEVICE = "device";
  private static final String RESULT = "result";

  private final MeterRegistry registry;
  private final Map<RpcCommand, FrameCounters> requests = new EnumMap<>(RpcCommand.class);
  private final Map<RpcCommand, FrameCounters> responses = new EnumMap<>(RpcCommand.class);
  private final Map<RpcCommand, Timer> calls = new EnumMap<>(RpcCommand.class);
  private final Map<ProtocolFault, Counter> rejected = new EnumMap<>(ProtocolFault.class);
  private final Map<String, DeviceMeters> devices = new ConcurrentHashMap<>();
  private final AtomicInteger connections;
  private final Counter accepted;
  private final AtomicInteger archived;
  private final AtomicLong archivedBytes;
  private final Counter turnedAway;

  private record FrameCounters(Counter frames, Counter bytes) {}

  private record DeviceMeters(
      AtomicInteger stored,
      AtomicInteger nativeGraphs,
      AtomicLong nativeBytes,
      Counter known,
      Counter unknown,
      Counter evicted,
      Counter rebuilt,
      Counter computed,
      Counter recomputed,
      Counter fallback,
      Timer compute) {}

  public WorkerMetrics(MeterRegistry registry) {
    this.registry = registry;
    for (var command : RpcCommand.values()) {
      calls.put(
          command,
          Timer.builder(CALL_DURATION)
              .description("Time from a request to its answer or end")
              .tag("rpc.system.name", "ggml")
              .tag("rpc.method", command.metricName())
              .register(registry));
      requests.put(command, frameCounters(command, Direction.REQUEST));
      responses.put(command, frameCounters(command, Direction.RESPONSE));
    }
    for (var fault : ProtocolFault.values()) {
      rejected.put(
          fault,
          Counter.builder(REJECTED)
              .description("Refused requests; each closed its connection")
              .tag("fault", fault.metricName())
              .register(registry));
    }
    links("done");
    for (var fault : LinkFault.values()) {
      links(fault.metricName());
    }
    connections = new AtomicInteger();
    Gauge.builder(CONNECTIONS, connections, AtomicInteger::get)
        .description("Clients connected")
        .register(registry);
    accepted =
        Counter.builder(CONNECTIONS_ACCEPTED)
            .description("Clients that have connected")
            .register(registry);
    turnedAway =
        Counter.builder(CONNECTIONS_REFUSED)
            .description("Clients that were not let in, because of the limits on connections")
            .register(registry);
    archived = new AtomicInteger();
    Gauge.builder(GRAPHS_ARCHIVED, archived, AtomicInteger::get)
        .description("Different graphs kept in compact form")
        .register(registry);
    archivedBytes = new AtomicLong();
    Gauge.builder(ARCHIVE_MEMORY, archivedBytes, AtomicLong::get)
        .description("Memory of compact forms of graphs")
        .baseUnit("bytes")
        .register(registry);
  }

  private FrameCounters frameCounters(RpcCommand command, Direction direction) {
    String[] tags = {COMMAND, command.metricName(), DIRECTION, direction.metricName()};
    return new FrameCounters(
        Counter.builder(RPC_FRAMES).description("RPC frames").tags(tags).register(registry),
        Counter.builder(RPC_BYTES)
            .description("Bytes of RPC frames, framing included")
            .baseUnit("bytes")
            .tags(tags)
            .register(registry));
  }

  /** Registers the meter of the memory for messages. */
  public void register(MessageBudget messages) {
    Gauge.builder(MESSAGES_MEMORY, messages, MessageBudget::usedBytes)
        .description("Bytes of graphs being read or checked")
        .baseUnit("bytes")
        .register(registry);
  }

  /** Registers the meters of a device. */
  public void register(Device device) {
    String name = device.name();
    var stored = new AtomicInteger();
    Gauge.builder(GRAPHS_STORED, stored, AtomicInteger::get)
        .description("Uids under which graphs are kept for recomputing")
        .tag(DEVICE, name)
        .register(registry);
    var nativeGraphs = new AtomicInteger();
    Gauge.builder(GRAPHS_NATIVE, nativeGraphs, AtomicInteger::get)
        .description("Native graphs kept")
        .tag(DEVICE, name)
        .register(registry);
    var nativeBytes = new AtomicLong();
    Gauge.builder(GRAPHS_MEMORY, nativeBytes, AtomicLong::get)
        .description("Memory of kept native graphs")
        .baseUnit("bytes")
        .tag(DEVICE, name)
        .register(registry);
    Gauge.builder(SCRATCH, device, Device::scratchBytes)
        .description("The most that ggml keeps for computing on the CPU")
        .baseUnit("bytes")
        .tag(DEVICE, name)
        .register(registry);
    Gauge.builder(BUFFERS, device, Device::allocatedBytes)
        .description("Bytes of buffers handed out")
        .baseUnit("bytes")
        .tag(DEVICE, name)
        .register(registry);
    register(device.parked(), name);
    Gauge.builder(WEIGHTS_REPACKED, device, Device::repackedBytes)
        .description("Bytes of weights in a layout that multiplies faster")
        .baseUnit("bytes")
        .tag(DEVICE, name)
        .register(registry);
    FunctionCounter.builder(WEIGHTS_RESTORED, device, Device::restores)
        .description("Weights given their plain layout back because something else needed them")
        .tag(DEVICE, name)
        .register(registry);
    Gauge.builder(MEMORY_FREE, device, Device::freeBytes)
        .description("Bytes that can still be handed out")
        .baseUnit("bytes")
        .tag(DEVICE, name)
        .register(registry);
    Gauge.builder(MEMORY_TOTAL, device, Device::totalBytes)
        .description("Bytes that may be handed out in all")
        .baseUnit("bytes")
        .tag(DEVICE, name)
        .register(registry);
    devices.put(
        name,
        new DeviceMeters(
            stored,
            nativeGraphs,
            nativeBytes,
            received(name, true),
            received(name, false),
            counter(GRAPHS_EVICTED, "Native graphs closed to make room", name),
            counter(GRAPHS_REBUILT, "Native graphs made again", name),
            counter(GRAPHS_COMPUTED, "Graphs computed from a description just received", name),
            counter(GRAPHS_RECOMPUTED, "Graphs computed again by name", name),
            counter(FALLBACK_NODES, "Nodes computed on the CPU instead", name),
            Timer.builder(COMPUTE_DURATION)
                .description("Time spent on graphs")
                .tag(DEVICE, name)
                .register(registry)));
  }

  private void register(ParkedBuffers parked, String name) {
    Gauge.builder(PARKED, parked, ParkedBuffers::bytes)
        .description("Bytes of weights that wait for their router, and can be handed out to others")
        .baseUnit("bytes")
        .tag(DEVICE, name)
        .register(registry);
    FunctionCounter.builder(ADOPTED, parked, ParkedBuffers::adopted)
        .description("Parked buffers that their router has come back for")
        .tag(DEVICE, name)
        .register(registry);
    dropped("room", parked, ParkedBuffers::displaced, name);
    dropped("time", parked, ParkedBuffers::expired, name);
  }

  private void dropped(
      String reason, ParkedBuffers parked, ToDoubleFunction<ParkedBuffers> count, String name) {
    FunctionCounter.builder(DROPPED, parked, count)
        .description("Parked buffers that were given up")
        .tag(DEVICE, name)
        .tag("reason", reason)
        .register(registry);
  }

  private Counter received(String device, boolean known) {
    return Counter.builder(GRAPHS_RECEIVED)
        .description("Graphs received to be stored")
        .tag(DEVICE, device)
        .tag("known", Boolean.toString(known))
        .register(registry);
  }

  /** Registers the meters of TLS. */
  void register(TlsCredentials credentials) {
    Gauge.builder(
            CERTIFICATE_REMAINING,
            credentials,
            c -> c.expiry().map(end -> Duration.between(Instant.now(), end).toSeconds()).orElse(0L))
        .description("Seconds until the worker's certificate ends; negative afterwards")
        .baseUnit("seconds")
        .register(registry);
    // From the start, so that a first failure is a change and not a new series.
    handshakes("done");
    for (var fault : TlsFault.values()) {
      handshakes(fault.metricName());
    }
    renewals(true);
    renewals(false);
  }

  private Counter handshakes(String result) {
    return Counter.builder(HANDSHAKES)
        .description("TLS handshakes of clients")
        .tag(RESULT, result)
        .register(registry);
  }

  private Counter renewals(boolean used) {
    return Counter.builder(CERTIFICATE_RENEWALS)
        .description("Changes of the files with certificates")
        .tag(RESULT, used ? "done" : "failed")
        .register(registry);
  }

  /** A client has agreed on TLS. */
  void handshakeDone() {
    handshakes("done").increment();
  }

  /** A client could not agree on TLS, or was refused. */
  void handshakeFailed(TlsFault fault) {
    handshakes(fault.metricName()).increment();
  }

  /** The files with certificates have changed, and are used or not. */
  void certificateRenewed(boolean used) {
    renewals(used).increment();
  }

  private Counter counter(String name, String description, String device) {
    return Counter.builder(name).description(description).tag(DEVICE, device).register(registry);
  }

  /** Every key was registered: a missing one is a mistake of ours. */
  private static <K, M> M of(Map<K, M> meters, K key) {
    return Objects.requireNonNull(meters.get(key), () -> "no meters of " + key);
  }

  @Override
  public void frame(RpcCommand command, Direction direction, long frameBytes) {
    var counters = of(direction == Direction.REQUEST ? requests : responses, command);
    counters.frames.increment();
    counters.bytes.increment((double) frameBytes);
  }

  @Override
  public void connected() {
    accepted.increment();
    connections.incrementAndGet();
  }

  @Override
  public void turnedAway() {
    turnedAway.increment();
  }

  @Override
  public void disconnected() {
    connections.decrementAndGet();
  }

  @Override
  public void served(RpcCommand command, long nanos) {
    of(calls, command).record(Duration.ofNanos(nanos));
  }

  @Override
  public void rejected(ProtocolFault fault) {
    of(rejected, fault).increment();
  }

  @Override
  public void graphsStored(Device device, int uids) {
    of(devices, device.name()).stored.addAndGet(uids);
  }

  @Override
  public void graphFound(Device device, boolean known) {
    var meters = of(devices, device.name());
    (known ? meters.known : meters.unknown).increment();
  }

  @Override
  public void graphsArchived(int graphs, long bytes) {
    archived.addAndGet(graphs);
    archivedBytes.addAndGet(bytes);
  }

  @Override
  public void graphsNative(Device device, int graphs, long bytes) {
    var meters = of(devices, device.name());
    meters.nativeGraphs.addAndGet(graphs);
    meters.nativeBytes.addAndGet(bytes);
  }

  @Override
  public void graphEvicted(Device device) {
    of(devices, device.name()).evicted.increment();
  }

  @Override
  public void graphRebuilt(Device device) {
    of(devices, device.name()).rebuilt.increment();
  }

  @Override
  public void graphComputed(Device device, boolean again, long nanos) {
    var meters = of(devices, device.name());
    (again ? meters.recomputed : meters.computed).increment();
    meters.compute.record(Duration.ofNanos(nanos));
  }

  @Override
  public void linkJoined() {
    links("done").increment();
  }

  @Override
  public void linkRefused(LinkFault fault) {
    links(fault.metricName()).increment();
  }

  private Counter links(String result) {
    return Counter.builder(LINKS)
        .description("Links to another worker that clients asked for")
        .tag(RESULT, result)
        .register(registry);
  }

  @Override
  public void nodesFellBack(Device device, int nodes) {
    of(devices, device.name()).fallback.increment(nodes);
  }
}
