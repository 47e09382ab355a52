// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.route;

import dev.knarr.head.relay.RelayListener;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.RouteRequest;
import dev.knarr.rpc.RouteRequest.Range;
import dev.knarr.rpc.RouteResponse;
import dev.knarr.rpc.RpcRequest;
import dev.knarr.rpc.RpcRequest.GetTensor;
import dev.knarr.rpc.RpcRequest.SetTensor;
import dev.knarr.rpc.RpcResponse;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.wire.RpcClientChannel;
import dev.knarr.rpc.wire.WireLimits;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * One client's routes to the workers, each opened when it is first needed, and the links between
 * workers. The client's thread only, but for {@link #abort}.
 */
final class WorkerLinks implements AutoCloseable {
  private static final int COPY_BYTES = 256 << 10;

  /** Names of links: which worker pushes, and which pulls. */
  private static final int LINKS_OF_A_WORKER = 256;

  private final List<RoutedWorker> workers;
  private final List<RoutedDevice> devices;
  private final Set<RouteFeature> features;
  private final RelayListener listener;
  private final RouterMeters meters;
  private final WorkerLink.Losses losses;
  private final ClientAnswers client;
  private final String name;
  private final @Nullable WorkerRoute[] routes;
  private final Map<Integer, Boolean> direct = new ConcurrentHashMap<>();
  private boolean aborted;

  WorkerLinks(
      HeadRouter.Settings settings,
      List<RoutedWorker> workers,
      List<RoutedDevice> devices,
      ClientAnswers client,
      WorkerLink.Losses losses,
      String name) {
    this.workers = workers;
    this.devices = devices;
    this.features = settings.features();
    this.listener = settings.listener();
    this.meters = settings.meters();
    this.losses = losses;
    this.client = client;
    this.name = name;
    this.routes = new WorkerRoute[workers.size()];
  }

  List<RoutedDevice> devices() {
    return devices;
  }

  ClientAnswers client() {
    return client;
  }

  /** The route to a worker by its position. */
  WorkerRoute to(int worker) throws WorkerLostException {
    var route = routes[worker];
    if (route == null) {
      route = open(worker);
    }
    return route;
  }

  private WorkerRoute open(int worker) throws WorkerLostException {
    var link =
        WorkerLink.open(workers.get(worker), worker, features, WireLimits.defaults(), losses, name);
    var route = new WorkerRoute(link, client, listener, meters);
    synchronized (this) {
      if (aborted) {
        link.close();
        throw new WorkerLostException("the router stops");
      }
      routes[worker] = route;
    }
    return route;
  }

  /**
   * Copies a tensor from one buffer to another, or has it copied when its turn comes.
   *
   * @return whether the client may go on as if it were copied
   */
  boolean copy(
      RoutedBuffer from,
      Range source,
      RpcTensor sourceTensor,
      RoutedBuffer to,
      Range target,
      RpcTensor targetTensor)
      throws IOException {
    var left = to(from.link().number());
    var right = to(to.link().number());
    right.reads().forget();
    if (source.bytes() == 0) {
      return true; // Of tokens that become no logits; nothing to wait for.
    }
    if (left == right) {
      meters.copiedLocally();
      return copyWithin(left, from, source, sourceTensor, to, target, targetTensor);
    }
    if (isDirect(left.link(), right.link())) {
      meters.copiedDirectly();
      int link = linkName(left.link(), right.link());
      left.link().send(new RouteRequest.Push(link, source));
      left.link().flush();
      right.link().send(new RouteRequest.Pull(link, target));
      right.link().flush();
    } else {
      meters.copiedOverHead();
      copyOverHead(left, from, source, sourceTensor, right, to, targetTensor);
    }
    return true;
  }

  private static boolean copyWithin(
      WorkerRoute route,
      RoutedBuffer from,
      Range source,
      RpcTensor sourceTensor,
      RoutedBuffer to,
      Range target,
      RpcTensor targetTensor)
      throws IOException {
    if (route.link().has(RouteFeature.DIRECT_COPIES)) {
      route.link().send(new RouteRequest.Copy(source, target.buffer(), target.offset()));
      route.link().flush();
      return true;
    }
    return route
        .link()
        .ask(
            new RpcRequest.CopyTensor(from.toWorker(sourceTensor), to.toWorker(targetTensor)),
            RpcResponse.TensorCopied.class)
        .done();
  }

  private static int linkName(WorkerLink left, WorkerLink right) {
    return left.number() * LINKS_OF_A_WORKER + right.number();
  }

  /** Whether one worker reaches the other; found out when it is first needed. */
  private boolean isDirect(WorkerLink left, WorkerLink right) throws WorkerLostException {
    if (!left.has(RouteFeature.DIRECT_COPIES)
        || !right.has(RouteFeature.DIRECT_COPIES)
        || left.worker().beside()
        || right.worker().beside()) {
      return false;
    }
    int link = linkName(left, right);
    Boolean known = direct.get(link);
    if (known == null) {
      var target = right.worker();
      known =
          left.ask(
                  new RouteRequest.Link(link, right.token(), target.port(), target.host()),
                  RouteResponse.Linked.class)
              .ok();
      direct.put(link, known);
      if (!known) {
        listener.detour(left.worker().name(), target.name());
      }
    }
    return known;
  }

  /** The link's thread passes the bytes on, while the client waits: so nothing overtakes them. */
  private static void copyOverHead(
      WorkerRoute left,
      RoutedBuffer from,
      Range source,
      RpcTensor sourceTensor,
      WorkerRoute right,
      RoutedBuffer to,
      RpcTensor targetTensor)
      throws IOException {
    var copied = new CompletableFuture<Boolean>();
    left.link()
        .send(
            left.link().has(RouteFeature.GRAPHS)
                ? new RouteRequest.Read(source)
                : new GetTensor(from.toWorker(sourceTensor), 0, source.bytes()),
            new WorkerLink.Answer() {
              @Override
              public void accept(RpcResponse response, RpcClientChannel data) throws IOException {
                try {
                  right
                      .link()
                      .send(new SetTensor(to.toWorker(targetTensor), false, 0, source.bytes()));
                  var piece = ByteBuffer.allocateDirect((int) Math.min(COPY_BYTES, source.bytes()));
                  while (data.dataRemaining() > 0) {
                    piece.clear().limit((int) Math.min(piece.capacity(), data.dataRemaining()));
                    data.receiveData(piece);
                    right.link().sendData(piece.flip());
                  }
                  copied.complete(true);
                } catch (IOException e) {
                  copied.completeExceptionally(e);
                  throw e;
                }
              }

              @Override
              public void lost(WorkerLostException why) {
                copied.completeExceptionally(why);
              }
            });
    left.link().flush();
    WorkerLink.await(copied);
    right.wrote();
  }

  /** Sends what is pending everywhere, but for inputs of graphs that are still to come. */
  void flushUnlessInputs() throws WorkerLostException {
    for (var route : routes) {
      if (route != null) {
        route.flushUnlessInputs();
      }
    }
  }

  void flush() throws WorkerLostException {
    for (var route : routes) {
      if (route != null) {
        route.flush();
      }
    }
  }

  /** Ends what the client's thread, and the workers, may be waiting for. Any thread. */
  synchronized void abort() {
    aborted = true;
    for (var route : routes) {
      if (route != null) {
        route.link().close();
        if (!direct.isEmpty()) {
          route.link().endThere();
        }
      }
    }
  }

  @Override
  public void close() {
    for (var route : routes) {
      if (route != null) {
        route.close();
      }
    }
  }
}
