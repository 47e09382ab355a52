// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.bench.Report.EndpointReport;
import dev.knarr.cli.bench.Report.ModelReport;
import dev.knarr.cli.bench.Report.TestReport;
import dev.knarr.cli.bench.Report.UploadEndpoint;
import dev.knarr.cli.bench.Report.UploadReport;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Gathers what the rounds give; may be asked for a report at any time. Any thread. */
final class Results {
  private final List<Endpoint> endpoints;
  private final Map<Path, Map<Endpoint, Measured>> models = new LinkedHashMap<>();
  private final Map<Endpoint, SortedMap<Integer, Double>> uploads = new LinkedHashMap<>();

  Results(List<Endpoint> endpoints) {
    this.endpoints = endpoints;
  }

  private record Measured(
      SortedMap<Integer, LlamaBench.Run> rounds, Map<String, Traffic> traffic) {}

  /** A counted round against one endpoint. */
  synchronized void add(Path model, Endpoint endpoint, int round, LlamaBench.Run run) {
    measured(model, endpoint).rounds().put(round, run);
  }

  /** What a test costs on the wire. */
  synchronized void add(Path model, Endpoint endpoint, String test, Traffic traffic) {
    measured(model, endpoint).traffic().put(test, traffic);
  }

  /** A counted round of uploads. */
  synchronized void addUpload(Endpoint endpoint, int round, double bytesPerSecond) {
    uploads.computeIfAbsent(endpoint, _ -> new TreeMap<>()).put(round, bytesPerSecond);
  }

  private Measured measured(Path model, Endpoint endpoint) {
    return models
        .computeIfAbsent(model, _ -> new LinkedHashMap<>())
        .computeIfAbsent(endpoint, _ -> new Measured(new TreeMap<>(), new TreeMap<>()));
  }

  /** The models that have at least one counted round. */
  synchronized List<ModelReport> models() {
    return models.entrySet().stream()
        .map(model -> model(model.getKey(), model.getValue()))
        .toList();
  }

  private ModelReport model(Path file, Map<Endpoint, Measured> byEndpoint) {
    var any = byEndpoint.values().iterator().next().rounds().values().iterator().next().result();
    var reports = new ArrayList<EndpointReport>();
    for (var endpoint : endpoints) {
      var measured = byEndpoint.get(endpoint);
      if (measured != null) {
        reports.add(endpoint(endpoint, measured, byEndpoint.get(endpoints.getFirst())));
      }
    }
    return new ModelReport(
        String.valueOf(file.getFileName()),
        any.modelType(),
        any.modelBytes(),
        any.parameters(),
        List.copyOf(reports));
  }

  private static EndpointReport endpoint(
      Endpoint endpoint, Measured measured, @Nullable Measured first) {
    var tests = new ArrayList<TestReport>();
    for (var test : measured.rounds().firstEntry().getValue().result().tests()) {
      tests.add(test(test, measured, first == null ? measured : first));
    }
    var loads =
        measured.rounds().values().stream()
            .flatMapToDouble(run -> run.loadSeconds().stream())
            .boxed()
            .toList();
    return new EndpointReport(
        endpoint.name(),
        endpoint.addresses(),
        List.copyOf(tests),
        loads.isEmpty() ? null : Series.of(loads));
  }

  private static TestReport test(LlamaBenchResult.Test test, Measured measured, Measured first) {
    var rates = rates(test.name(), measured);
    var traffic = measured.traffic().get(test.name());
    return new TestReport(
        test.name(),
        test.tokens(),
        series(rates),
        ratio(rates, rates(test.name(), first)),
        cpuSecondsPerToken(test, measured),
        traffic == null ? null : traffic.bytesPerToken(),
        traffic == null ? null : traffic.roundTripsPerToken());
  }

  private static SortedMap<Integer, Double> rates(String test, Measured measured) {
    var rates = new TreeMap<Integer, Double>();
    measured
        .rounds()
        .forEach(
            (round, run) ->
                run.result().tests().stream()
                    .filter(result -> result.name().equals(test))
                    .forEach(result -> rates.put(round, result.tokensPerSecond())));
    return rates;
  }

  /** All rounds together: the kernel's steps of 10 ms are coarse for a single one. */
  private static @Nullable List<Double> cpuSecondsPerToken(
      LlamaBenchResult.Test test, Measured measured) {
    var rounds =
        measured.rounds().values().stream()
            .map(run -> run.cpuSeconds().getOrDefault(test.name(), List.of()))
            .toList();
    int workers = rounds.getFirst().size();
    boolean known =
        workers > 0
            && rounds.stream()
                .allMatch(
                    round ->
                        round.size() == workers
                            && round.stream().allMatch(OptionalDouble::isPresent));
    if (!known) {
      return null;
    }
    double tokens = (double) test.tokens() * test.repetitions() * rounds.size();
    var perToken = new ArrayList<Double>();
    for (int worker = 0; worker < workers; worker++) {
      int which = worker;
      perToken.add(
          rounds.stream().mapToDouble(round -> round.get(which).orElseThrow()).sum() / tokens);
    }
    return List.copyOf(perToken);
  }

  /** Uploads, where at least one round has been made. */
  synchronized @Nullable UploadReport upload(OptionalLong messageBytes) {
    if (uploads.isEmpty() || messageBytes.isEmpty()) {
      return null;
    }
    var first = uploads.values().iterator().next();
    return new UploadReport(
        messageBytes.getAsLong(),
        uploads.entrySet().stream()
            .map(
                entry ->
                    new UploadEndpoint(
                        entry.getKey().name(),
                        series(entry.getValue()),
                        ratio(entry.getValue(), first)))
            .toList());
  }

  private static Series series(SortedMap<Integer, Double> rounds) {
    return Series.of(List.copyOf(rounds.values()));
  }

  /** Of the rounds that both have: the first endpoint is measured first in each. */
  static Series ratio(SortedMap<Integer, Double> rounds, SortedMap<Integer, Double> first) {
    return Series.of(
        rounds.entrySet().stream()
            .filter(round -> first.containsKey(round.getKey()))
            .map(round -> round.getValue() / first.getOrDefault(round.getKey(), Double.NaN))
            .toList());
  }
}
