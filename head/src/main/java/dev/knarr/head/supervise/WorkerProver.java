// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.supervise.WorkerProof.DeviceProof;
import dev.knarr.plan.LinkSpeed;
import dev.knarr.rpc.ProtocolFault;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteTerms;
import dev.knarr.rpc.RpcProtocolException;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.transport.TlsException;
import dev.knarr.rpc.transport.TlsFault;
import dev.knarr.rpc.wire.RpcClientChannel;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.channels.AsynchronousCloseException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Proves one worker, on a connection of its own that ends with the proof: stock workers serve one
 * connection at a time. Any thread.
 */
final class WorkerProver {

  /** What a worker that serves several at once may take for a second greeting. */
  private static final Duration SECOND_LIMIT = Duration.ofSeconds(1);

  private static final Duration MEASURING_LIMIT = Duration.ofSeconds(5);

  /** At least; a worker that has just started is slow at first, so more where they are quick. */
  private static final int ROUND_TRIPS = 5;

  private static final int MOST_ROUND_TRIPS = 100;
  private static final Duration ROUND_TRIPS_LIMIT = Duration.ofMillis(20);
  private static final String STOPS =
      "it stops answering in the middle of its proof: look at its log";

  private final WorkerConnector connector;
  private final HeadConfig.Worker worker;
  private final Lock measuring;
  private final Set<RouteFeature> wanted;

  /**
   * A prover.
   *
   * @param measuring held while a link is measured, so that no other takes a share of the head's
   * @param wanted what the router would agree on with a worker that can
   */
  WorkerProver(WorkerConnector connector, Lock measuring, Set<RouteFeature> wanted) {
    this.connector = connector;
    this.measuring = measuring;
    this.wanted = wanted;
    this.worker = connector.worker();
  }

  /**
   * Tries once.
   *
   * @param limit how long the worker may take to answer; a busy stock worker answers when it has
   *     finished with the client before
   * @param onSilence told what the worker does not do, when that lasts
   * @throws IOException when it does not answer, which may change
   * @throws HeadException when it answers what no usable worker answers
   */
  WorkerProof prove(Duration limit, Consumer<String> onSilence) throws IOException {
    try (WorkerConnector.Connection connection = connector.greet(limit, onSilence)) {
      connection.mostWait(limit, STOPS);
      return converse(connection);
    } catch (TlsException e) {
      // One that is just starting, or just ending, may be met half-way.
      if (e.fault() == TlsFault.GONE || e.fault() == TlsFault.TIMEOUT) {
        throw e;
      }
      throw unsuitable("it " + e.getMessage() + ".", e);
    } catch (RpcProtocolException e) {
      if (e.fault() == ProtocolFault.TRUNCATED) {
        throw new IOException(e.getMessage(), e);
      }
      throw unsuitable(e.getMessage() + ".", e);
    }
  }

  private WorkerProof converse(WorkerConnector.Connection connection) throws IOException {
    RpcClientChannel channel = connection.channel();
    try {
      channel.send(new RpcRequest.DeviceCount());
      int count = channel.receive(RpcResponse.DeviceCounted.class).count();
      if (count < 1) {
        throw unsuitable("it offers no device. Start it with at least one.", null);
      }
      long roundTrip = Long.MAX_VALUE;
      List<DeviceProof> devices = new ArrayList<>();
      for (int device = 0; device < Math.min(count, 1024); device++) {
        long enough = System.nanoTime() + ROUND_TRIPS_LIMIT.toNanos();
        for (int i = 0;
            i < ROUND_TRIPS || (i < MOST_ROUND_TRIPS && System.nanoTime() < enough);
            i++) {
          long begin = System.nanoTime();
          channel.send(new RpcRequest.GetAlignment(device));
          channel.receive(RpcResponse.Alignment.class);
          roundTrip = Math.min(roundTrip, System.nanoTime() - begin);
        }
        devices.add(proveDevice(channel, device));
      }
      Optional<Set<RouteFeature>> second = second();
      return new WorkerProof(
          worker.name(),
          worker.address(),
          Optional.empty(),
          connection.version(),
          measure(new LinkProbe(channel, 0, roundTrip)),
          second.orElse(Set.of()),
          Map.of(),
          devices,
          second.isPresent());
    } catch (AsynchronousCloseException e) {
      throw connection.isLate() ? new IOException(STOPS, e) : e;
    }
  }

  private LinkSpeed measure(LinkProbe probe) throws IOException {
    boolean alone = false;
    try {
      // A worker that hangs in its measurement holds up nobody for long.
      alone = measuring.tryLock(MEASURING_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
      return probe.measure();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("Interrupted while a link was measured");
    } finally {
      if (alone) {
        measuring.unlock();
      }
    }
  }

  private DeviceProof proveDevice(RpcClientChannel channel, int device) throws IOException {
    String name = worker.name() + "/" + device;
    channel.send(new RpcRequest.GetAlignment(device));
    long alignment = channel.receive(RpcResponse.Alignment.class).bytes();
    if (alignment < 1 || alignment > 1 << 20 || Long.bitCount(alignment) != 1) {
      throw unsuitable(
          "device "
              + name
              + " reports an alignment of "
              + Long.toUnsignedString(alignment)
              + " bytes, which is no power of two up to 1 MiB. Update the worker.",
          null);
    }
    channel.send(new RpcRequest.GetDeviceMemory(device));
    RpcResponse.DeviceMemory memory = channel.receive(RpcResponse.DeviceMemory.class);
    long begin = System.nanoTime();
    new ProbeGraph(channel, device)
        .run(alignment)
        .ifPresent(
            wrong -> {
              throw unsuitable(
                  "device "
                      + name
                      + " "
                      + wrong
                      + ". Check its driver and its memory, or leave it out with --device.",
                  null);
            });
    long probe = TimeUnit.NANOSECONDS.toMicros(System.nanoTime() - begin);
    // Unsigned on the wire; no device has more than 2^63 bytes.
    long free = memory.free() < 0 ? Long.MAX_VALUE : memory.free();
    long total = memory.total() < 0 ? Long.MAX_VALUE : memory.total();
    return new DeviceProof(name, free, total, alignment, probe);
  }

  /**
   * What a second client agrees on with the worker, which serves the first; empty when it has to
   * wait, as with a stock worker.
   */
  private Optional<Set<RouteFeature>> second() {
    try (WorkerConnector.Connection second =
        connector.greet(SECOND_LIMIT, _ -> {}, RouteTerms.router(wanted).capabilities())) {
      return Optional.of(
          RouteTerms.of(second.capabilities()).map(RouteTerms::features).orElse(Set.of()));
    } catch (IOException | RpcProtocolException _) {
      return Optional.empty();
    }
  }

  private HeadException unsuitable(String what, @Nullable Exception cause) {
    return new HeadException(
        HeadReason.WORKER_UNSUITABLE,
        "Worker " + worker.name() + " (" + worker.address() + ") cannot be used: " + what,
        cause);
  }
}
