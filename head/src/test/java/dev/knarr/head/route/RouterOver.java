// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.head.relay.RecordedEvents;
import dev.knarr.head.relay.RelayMeters;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.transport.Transport;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.util.ArrayList;

/** A router over workers with one device each that somebody else has started. */
final class RouterOver implements AutoCloseable {
  final RecordedEvents events = new RecordedEvents();
  final HeadRouter router;

  RouterOver(int... ports) throws IOException {
    var registry = new SimpleMeterRegistry();
    var workers = new ArrayList<RoutedWorker>();
    var devices = new ArrayList<RoutedDevice>();
    for (int port : ports) {
      String name = "worker-" + workers.size();
      devices.add(new RoutedDevice(workers.size(), 0));
      workers.add(
          new RoutedWorker(
              name, "127.0.0.1", port, Transport.PLAIN, new RelayMeters(registry, name)));
    }
    router =
        HeadRouter.open(
            new HeadRouter.Settings(
                workers, RouteFeature.all(), events, new RouterMeters(registry)),
            devices);
  }

  @Override
  public void close() {
    router.close();
  }
}
