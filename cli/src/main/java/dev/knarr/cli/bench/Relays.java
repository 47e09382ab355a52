// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.bench.EndpointSpec.Address;
import dev.knarr.head.relay.Relay;
import dev.knarr.head.relay.RelayListener;
import dev.knarr.head.relay.RelayMeters;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.WireLimits;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;

/** Opens relays as a head does. */
final class Relays {
  private Relays() {}

  /**
   * A relay in front of one worker.
   *
   * @param worker {@code host:port}
   * @param transport what lies between the protocol and the worker
   * @param registry where its meters are
   */
  static Relay open(String worker, Transport transport, MeterRegistry registry) {
    var address = Address.parse(worker);
    try {
      return Relay.open(
          new Relay.RelayTarget(
              worker,
              address.host(),
              address.port(),
              transport,
              new RelayMeters(registry, worker),
              WireLimits.defaults(),
              new Deaf()));
    } catch (IOException e) {
      throw new BenchException(
          "No port can be had for a relay to %s: %s.".formatted(worker, e.getMessage()), e);
    }
  }

  /** What goes wrong, llama-bench says too. */
  private static final class Deaf implements RelayListener {
    @Override
    public void workerFailed(String worker, String how) {}

    @Override
    public void linkFailed(String worker) {}

    @Override
    public void tensorRead(String worker, RpcTensor tensor) {}

    @Override
    public void detour(String from, String to) {}

    @Override
    public void tensorSet(String worker, int device, String tensor, long bytes, boolean known) {}
  }
}
