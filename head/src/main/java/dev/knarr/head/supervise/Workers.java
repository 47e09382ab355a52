// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.gguf.GgufFile;
import dev.knarr.head.HeadMetrics;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadPhase;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.relay.Relay;
import dev.knarr.head.relay.RelayListener;
import dev.knarr.head.relay.RelayMeters;
import dev.knarr.head.route.HeadRouter;
import dev.knarr.head.route.RoutedDevice;
import dev.knarr.head.route.RoutedWorker;
import dev.knarr.head.route.RouterMeters;
import dev.knarr.os.CacheFolder;
import dev.knarr.rpc.RouteFeature;
import dev.knarr.rpc.tensor.RpcTensor;
import dev.knarr.rpc.transport.Transport;
import dev.knarr.rpc.wire.WireLimits;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * All workers of the head: proves them side by side, keeps the way to them, and hears of losses.
 * Used by the supervisor's thread; the relays call in from theirs.
 */
final class Workers implements RelayListener, AutoCloseable {

  private static final Duration BESIDE_LIMIT = Duration.ofSeconds(10);

  /** More losses than this at a time say nothing new. */
  private static final int KEPT_LOSSES = 64;

  /** The workers, each with the address it was proven at, once it was. */
  private final List<HeadConfig.Worker> configured;

  private final boolean tensorSplit;
  private final StatusBoard board;
  private final WeightLedger ledger;
  private final Map<String, RelayMeters> meters = new LinkedHashMap<>();
  private final List<Relay> relays = new ArrayList<>();
  private final Set<RouteFeature> routerFeatures;
  private final RouterMeters routerMeters;
  private final Muster muster;
  private @Nullable HeadRouter router;

  /** Where the router finds the workers. */
  private List<RoutedWorker> routed = List.of();

  private HeadRouter.Models models = HeadRouter.Models.NONE;

  /** All devices of the proven workers, in the order of the workers. */
  private List<RoutedDevice> devices = List.of();

  private final BlockingQueue<Loss> losses = new ArrayBlockingQueue<>(KEPT_LOSSES);
  private List<HeadConfig.Worker> servingSeveral = List.of();
  private final Map<String, Heartbeat> heartbeats = new ConcurrentHashMap<>();
  private final ScheduledThreadPoolExecutor alarms =
      new ScheduledThreadPoolExecutor(
          1, Thread.ofPlatform().name("worker-alarms").daemon(true).factory());
  private final SamplingMeters sampling;
  private final Lock measuring = new ReentrantLock();
  private final Clock clock;
  private final MeterRegistry registry;

  /** The worker on the head's own processor; null while the plan has none. */
  private volatile @Nullable Beside beside;

  private Transport transport = Transport.PLAIN;

  /**
   * What became of a worker in use.
   *
   * @param sentence for people
   * @param silent whether it has simply stopped to answer; then no connection has broken
   */
  record Loss(String sentence, boolean silent) {}

  /** A worker that is reached over loopback, and counted as others are. */
  private record Beside(HeadConfig.Worker worker, RelayMeters meters) {}

  Workers(
      HeadConfig config,
      MeterRegistry registry,
      StatusBoard board,
      WeightLedger ledger,
      Clock clock) {
    this.clock = clock;
    this.registry = registry;
    alarms.setRemoveOnCancelPolicy(true);
    this.configured = new CopyOnWriteArrayList<>(config.workers());
    this.tensorSplit = config.split().mode() == HeadConfig.SplitMode.TENSOR;
    this.routerMeters = new RouterMeters(registry);
    this.routerFeatures = features(config.split().routerFeatures());
    this.board = board;
    this.ledger = ledger;
    this.sampling = new SamplingMeters(registry);
    this.muster = new Muster(board, config.limits().replan(), this::addresses, this::connector);
    for (HeadConfig.Worker worker : configured) {
      meters.put(worker.name(), new RelayMeters(registry, worker.name()));
      Gauge.builder(HeadMetrics.WORKER_UP, board, b -> b.isUp(worker.name()) ? 1 : 0)
          .tag("worker", worker.name())
          .description("1 while a worker is proven and not lost")
          .register(registry);
    }
  }

  /** Says what llama-server is going to load; before the way is opened. */
  void willLoad(List<GgufFile> files) {
    models = new HeadRouter.Models(files, Optional.of(CacheFolder.path().resolve("hashes")));
  }

  /** Says how the workers are spoken to; before anything else. */
  void speakBy(Transport chosen) {
    transport = chosen;
  }

  private static Set<RouteFeature> features(@Nullable List<String> names) {
    if (names == null) {
      return RouteFeature.all();
    }
    try {
      return names.stream().map(RouteFeature::of).collect(Collectors.toUnmodifiableSet());
    } catch (IllegalArgumentException e) {
      throw new HeadException(HeadReason.CONFIG_INVALID, e.getMessage() + ".", e);
    }
  }

  /**
   * Opens the way from llama-server to the workers: the router, or a relay for each where tensors
   * are split, which takes workers that llama-server tells apart. A second call only takes note of
   * the devices.
   */
  void openWay(List<WorkerProof> proofs) {
    var all = new ArrayList<RoutedDevice>();
    for (WorkerProof proof : proofs) {
      configured.set(position(proof.worker()), proof.at());
      for (int device = 0; device < proof.devices().size(); device++) {
        all.add(new RoutedDevice(position(proof.worker()), device));
      }
    }
    devices = List.copyOf(all);
    servingSeveral =
        proofs.stream().filter(WorkerProof::servesSeveral).map(WorkerProof::at).toList();
    if (tensorSplit) {
      openRelays();
    } else {
      openRouter();
    }
  }

  private void openRouter() {
    var wanted =
        configured.stream()
            .map(
                worker ->
                    new RoutedWorker(
                        worker.name(), worker.host(), worker.port(), transport, metersOf(worker)))
            .toList();
    if (router != null && routed.equals(wanted)) {
      router.offer(devices);
      return;
    }
    if (router != null) {
      router.close(); // A worker that was missing was found at another of its addresses.
    }
    routed = wanted;
    try {
      router =
          HeadRouter.open(
              new HeadRouter.Settings(routed, routerFeatures, this, routerMeters, models), devices);
    } catch (IOException e) {
      throw new HeadException(
          HeadReason.INTERNAL_ERROR, "No loopback port for the router: " + e.getMessage(), e);
    }
  }

  /**
   * Offers the devices of a plan, by their positions among all, and returns their positions among
   * what llama-server sees. The worker beside the head, if there is one, comes last.
   */
  List<Integer> offer(List<Integer> order) {
    if (router == null) {
      return order;
    }
    List<RoutedDevice> chosen = order.stream().map(devices::get).toList();
    Beside last = beside;
    if (last == null) {
      router.offer(chosen);
      return IntStream.range(0, order.size()).boxed().toList();
    }
    router.offer(
        chosen,
        new RoutedWorker(
            last.worker.name(),
            last.worker.host(),
            last.worker.port(),
            Transport.PLAIN,
            last.meters,
            true));
    return IntStream.rangeClosed(0, order.size()).boxed().toList();
  }

  /** No worker beside the head from now on. */
  void noneBeside() {
    beside = null;
  }

  /**
   * Proves a worker on the head's own processor, which llama-server then sees as the last.
   *
   * @throws IOException when it does not answer
   * @throws HeadException when it answers what no usable worker answers
   */
  void beside(HeadConfig.Worker worker) throws IOException {
    RelayMeters counted =
        meters.computeIfAbsent(worker.name(), name -> new RelayMeters(registry, name));
    Beside next = new Beside(worker, counted);
    new WorkerProver(connector(next), measuring, routerFeatures).prove(BESIDE_LIMIT, _ -> {});
    beside = next;
  }

  private WorkerConnector connector(Beside local) {
    return new WorkerConnector(local.worker, Transport.PLAIN, local.meters, alarms);
  }

  private void openRelays() {
    if (!relays.isEmpty()) {
      return;
    }
    for (HeadConfig.Worker worker : configured) {
      try {
        relays.add(
            Relay.open(
                new Relay.RelayTarget(
                    worker.name(),
                    worker.host(),
                    worker.port(),
                    transport,
                    metersOf(worker),
                    WireLimits.defaults(),
                    this)));
      } catch (IOException e) {
        throw new HeadException(
            HeadReason.INTERNAL_ERROR,
            "No loopback port for the relay of worker " + worker.name() + ": " + e.getMessage(),
            e);
      }
    }
    TensorSplit.introduce(configured, relays);
  }

  private RelayMeters metersOf(HeadConfig.Worker worker) {
    RelayMeters known = meters.get(worker.name());
    if (known == null) {
      throw new IllegalStateException("No meters for worker " + worker.name());
    }
    return known;
  }

  /** Returns the addresses for llama-server. */
  List<String> addresses() {
    return router == null
        ? relays.stream().map(Relay::address).toList()
        : List.of(router.address());
  }

  /** Forgets losses of the past; only what comes after is news. */
  void forgetLosses() {
    relays.forEach(Relay::closeConnections);
    if (router != null) {
      router.closeConnections();
    }
    losses.clear();
  }

  /** Whether {@link #awaitLoss} has one to return. */
  boolean hasLoss() {
    return !losses.isEmpty();
  }

  /** Returns the first loss since {@link #forgetLosses}, waiting for one until the limit. */
  @Nullable Loss awaitLoss(Duration limit) throws InterruptedException {
    return losses.poll(limit.toMillis(), TimeUnit.MILLISECONDS);
  }

  /** Begins to ask the workers whether they are alive; those that can answer while they work. */
  void startHeartbeats() {
    servingSeveral.forEach(worker -> startHeartbeat(connector(worker)));
    if (beside != null) {
      startHeartbeat(connector(beside));
    }
  }

  private void startHeartbeat(WorkerConnector connector) {
    String worker = connector.worker().name();
    heartbeats.put(worker, Heartbeat.start(connector, clock, how -> lost(worker, how, true)));
  }

  /** Ends what {@link #startHeartbeats} began. */
  void stopHeartbeats() {
    heartbeats.values().forEach(Heartbeat::close);
    heartbeats.clear();
  }

  private WorkerConnector connector(HeadConfig.Worker worker) {
    return new WorkerConnector(worker, transport, metersOf(worker), alarms);
  }

  @Override
  public void workerFailed(String worker, String how) {
    lost(worker, how, false);
  }

  private void lost(String worker, String how, boolean silent) {
    String sentence = "Worker " + worker + " (" + addressOf(worker) + ") " + how + ".";
    Heartbeat heartbeat = heartbeats.get(worker);
    board.lost(
        worker, sentence, silent && heartbeat != null ? heartbeat.lastAnswer() : clock.instant());
    losses.offer(new Loss(sentence, silent));
  }

  @Override
  public void tensorSet(String worker, int device, String tensor, long bytes, boolean known) {
    ledger.add(worker, device, tensor, bytes, known);
  }

  @Override
  public void tensorRead(String worker, RpcTensor tensor) {
    sampling.read(worker, tensor.name(), tensor.shape().ne(1));
  }

  @Override
  public void linkFailed(String worker) {
    board.warn(
        "Worker "
            + worker
            + " ("
            + addressOf(worker)
            + ") has no direct link to the other one, so each sum goes over the head, which is slower. Its log says why.");
  }

  @Override
  public void detour(String from, String to) {
    board.warn(
        "Worker %s (%s) does not reach worker %s (%s), so what it computes for it goes over the head, which is slower. Its log says why; both need an address by which they reach each other."
            .formatted(from, addressOf(from), to, addressOf(to)));
  }

  private String addressOf(String name) {
    Beside local = beside;
    if (local != null && local.worker.name().equals(name)) {
      return local.worker.address();
    }
    return configured.stream()
        .filter(worker -> worker.name().equals(name))
        .map(HeadConfig.Worker::address)
        .findFirst()
        .orElse("?");
  }

  /**
   * Proves all workers, waiting for those that do not answer yet.
   *
   * @param mostWait how long to wait in all; empty for as long as it takes
   * @param phase the phase to show while waiting
   * @param enough whether those that are there are enough when the others stay away
   * @throws HeadException when one cannot be used, or does not answer in time
   */
  Muster.Present prove(Optional<Duration> mostWait, HeadPhase phase, Muster.Sufficiency enough)
      throws Signal, InterruptedException {
    return muster.call(List.copyOf(configured), mostWait, phase, enough);
  }

  /**
   * Looks for workers that are not in the plan.
   *
   * @param stay how long one has to be there before it is taken for back
   */
  Absentees lookFor(List<HeadConfig.Worker> missing, Duration stay) {
    return new Absentees(missing, stay, board, clock, this::addresses, this::connector);
  }

  private FastestAddress addresses(HeadConfig.Worker worker) {
    return new FastestAddress(
        worker,
        way ->
            new WorkerProver(connector(way), measuring, tensorSplit ? Set.of() : routerFeatures));
  }

  private int position(String name) {
    return IntStream.range(0, configured.size())
        .filter(i -> configured.get(i).name().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException("No worker " + name));
  }

  @Override
  public void close() {
    stopHeartbeats();
    relays.forEach(Relay::close);
    relays.clear();
    if (router != null) {
      router.close();
      router = null;
    }
    alarms.shutdownNow();
  }
}
