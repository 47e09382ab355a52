// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.bench.EndpointSpec.Address;
import dev.knarr.cli.local.DeviceQuery;
import dev.knarr.cli.local.LocalPrograms;
import dev.knarr.cli.local.LocalPrograms.StartedWorker;
import dev.knarr.cli.terminal.ProgressLine;
import dev.knarr.gguf.GgufFile;
import dev.knarr.head.api.HeadConfig;
import dev.knarr.rpc.transport.Transport;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Compares endpoints: the same test against one after the other, round after round, so that what
 * disturbs the machine disturbs all of them. Run by the thread that owns the programs; {@link
 * #report} may be called by any thread and at any time.
 */
public final class Benchmark {
  private final LocalPrograms programs;
  private final BenchOptions options;
  private final ProgressLine progress;
  private final OffsetDateTime started =
      OffsetDateTime.now(ZoneOffset.UTC).truncatedTo(ChronoUnit.SECONDS);

  private volatile @Nullable Results results;
  private volatile String llamaVersion = "";

  /** A comparison that has not begun. */
  public Benchmark(LocalPrograms programs, BenchOptions options, ProgressLine progress) {
    this.programs = programs;
    this.options = options;
    this.progress = progress;
  }

  /**
   * Makes all rounds.
   *
   * @throws dev.knarr.gguf.GgufException when a model is none
   * @throws BenchException when a side fails; what was measured before is kept
   * @throws dev.knarr.cli.local.LocalException when a side cannot be started or reached
   */
  public void run() throws InterruptedException {
    // A file that is no model is not worth starting anything for.
    options.models().forEach(GgufFile::open);
    llamaVersion = programs.llamaVersion();
    var endpoints = new ArrayList<Endpoint>();
    for (var spec : options.endpoints()) {
      progress.update("endpoint " + spec.name(), "Getting %s ready …".formatted(spec.name()));
      endpoints.add(open(spec));
    }
    try {
      measure(endpoints);
    } finally {
      endpoints.forEach(endpoint -> endpoint.entrance().close());
    }
    progress.clear();
  }

  private void measure(List<Endpoint> endpoints) throws InterruptedException {
    var gathered = new Results(endpoints);
    results = gathered;
    var llamaBench = new LlamaBench(programs, options);
    var clock = new RoundClock(options.models(), endpoints, options.rounds());
    for (var model : options.models()) {
      measure(model, endpoints, llamaBench, clock, gathered);
      countTraffic(model, endpoints, llamaBench, gathered);
    }
    upload(endpoints, gathered);
  }

  private void measure(
      Path model,
      List<Endpoint> endpoints,
      LlamaBench llamaBench,
      RoundClock clock,
      Results gathered)
      throws InterruptedException {
    var tests =
        List.of(
            "-p", Integer.toString(options.prompt()),
            "-n", Integer.toString(options.generate()),
            "-r", Integer.toString(options.repeat()));
    for (int round = 0; round <= options.rounds(); round++) {
      for (var endpoint : endpoints) {
        var where =
            "%s, %s, %s"
                .formatted(
                    model.getFileName(),
                    round == 0
                        ? "warm-up round"
                        : "round %d of %d".formatted(round, options.rounds()),
                    endpoint.name());
        var left = clock.left(model, endpoint, round);
        long begun = System.nanoTime();
        var run =
            llamaBench.run(
                endpoint,
                endpoint.entrances(),
                model,
                tests,
                what -> progress.update(where, where + ": " + what + left));
        clock.took(model, endpoint, System.nanoTime() - begun);
        if (round > 0) {
          gathered.add(model, endpoint, round, run);
        }
      }
    }
  }

  private void countTraffic(
      Path model, List<Endpoint> endpoints, LlamaBench llamaBench, Results gathered)
      throws InterruptedException {
    for (var endpoint : endpoints) {
      if (endpoint.isLocal()) {
        continue;
      }
      var where = "%s, bytes and round trips, %s".formatted(model.getFileName(), endpoint.name());
      if (options.prompt() > 0) {
        var test = List.of("-p", Integer.toString(options.prompt()), "-n", "0");
        var traffic =
            Traffic.measure(
                llamaBench,
                endpoint,
                model,
                test,
                options.prompt(),
                what -> progress.update(where, where + ": " + what));
        gathered.add(model, endpoint, "pp" + options.prompt(), traffic);
      }
      if (options.generate() > 0) {
        var test = List.of("-p", "0", "-n", Integer.toString(options.generate()));
        var traffic =
            Traffic.measure(
                llamaBench,
                endpoint,
                model,
                test,
                options.generate(),
                what -> progress.update(where, where + ": " + what));
        gathered.add(model, endpoint, "tg" + options.generate(), traffic);
      }
    }
  }

  private void upload(List<Endpoint> endpoints, Results gathered) {
    if (options.uploadBytes().isEmpty()) {
      return;
    }
    var upload = new Upload(options.uploadBytes().getAsLong() / Float.BYTES * Float.BYTES);
    for (int round = 0; round <= options.rounds(); round++) {
      for (var endpoint : endpoints) {
        if (endpoint.isLocal()) {
          continue;
        }
        progress.update(
            "upload",
            "SET_TENSOR, round %d of %d, %s".formatted(round, options.rounds(), endpoint.name()));
        // One after the other, each as if it were alone: the rate of a worker, not of their sum.
        double rate =
            endpoint.entrances().stream()
                .mapToDouble(upload::bytesPerSecond)
                .average()
                .orElseThrow();
        if (round > 0) {
          gathered.addUpload(endpoint, round, rate);
        }
      }
    }
  }

  private Endpoint open(EndpointSpec spec) throws InterruptedException {
    var workers =
        switch (spec.target()) {
          case EndpointSpec.Local _ -> List.<Endpoint.Worker>of();
          case EndpointSpec.Stock(int count) ->
              started(
                  spec.name(),
                  count,
                  name -> programs.startStock(name, options.threads(), options.devices()));
          case EndpointSpec.Knarr(int count, var more) ->
              started(
                  spec.name(),
                  count,
                  name -> programs.startKnarr(name, options.threads(), options.devices(), more));
          case EndpointSpec.Running running ->
              running.workers().stream().map(Benchmark::running).toList();
        };
    var transport = DeviceQuery.transport(spec.way().secured() ? options.tls() : Optional.empty());
    var devices =
        workers.stream().map(worker -> devices(spec.name(), worker.address(), transport)).toList();
    var entrance =
        Entrance.open(
            spec.way(),
            workers.stream().map(Endpoint.Worker::address).toList(),
            devices,
            transport,
            options.models(),
            new SimpleMeterRegistry());
    return new Endpoint(spec.name(), workers, devices, spec.way(), transport, entrance);
  }

  private interface Start {
    StartedWorker worker(String name) throws InterruptedException;
  }

  private static List<Endpoint.Worker> started(String name, int count, Start start)
      throws InterruptedException {
    var workers = new ArrayList<Endpoint.Worker>();
    for (int i = 1; i <= count; i++) {
      var started = start.worker(count == 1 ? name : name + "-" + i);
      workers.add(
          new Endpoint.Worker(
              started.address(), CpuClock.ofProcess(started.pid()), List.of(started)));
    }
    return workers;
  }

  private static Endpoint.Worker running(Address address) {
    return new Endpoint.Worker(
        address.rpc(),
        address.metricsPort().isPresent()
            ? CpuClock.ofMetrics(address.host(), address.metricsPort().getAsInt())
            : CpuClock.UNKNOWN,
        List.of());
  }

  private static int devices(String name, String address, Transport transport) {
    return DeviceQuery.ask(new HeadConfig.Worker(name, address), transport, "--endpoint").size();
  }

  /** What there is so far. */
  public Report report() {
    var gathered = results;
    return new Report(
        started.toString(),
        llamaVersion,
        machine(),
        new Report.Settings(
            options.rounds(), options.repeat(), options.threads(), options.llamaBench()),
        gathered == null ? List.of() : gathered.models(),
        gathered == null ? null : gathered.upload(options.uploadBytes()));
  }

  private static Report.Machine machine() {
    var cpu = System.getProperty("os.arch", "unknown processor");
    try {
      var matcher =
          Pattern.compile("^model name\\s*:\\s*(.+)$", Pattern.MULTILINE)
              .matcher(Files.readString(Path.of("/proc/cpuinfo")));
      if (matcher.find()) {
        cpu = matcher.group(1);
      }
    } catch (IOException e) {
      // Not Linux: the architecture has to do.
    }
    return new Report.Machine(
        cpu,
        Runtime.getRuntime().availableProcessors(),
        System.getProperty("os.name") + " " + System.getProperty("os.version"));
  }
}
