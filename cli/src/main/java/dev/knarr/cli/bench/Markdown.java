// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.bench.Report.EndpointReport;
import dev.knarr.cli.bench.Report.ModelReport;
import dev.knarr.cli.bench.Report.TestReport;
import dev.knarr.cli.bench.Report.UploadReport;
import dev.knarr.plan.ByteSize;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A report as tables: one for each model, and one for uploads. */
final class Markdown {
  private static final String NOTHING = "–";

  private Markdown() {}

  static String of(Report report) {
    var text = new StringBuilder();
    var settings = report.settings();
    text.append(
        "llama-bench of llama.cpp %s, %s per worker, %s after a warm-up round, in alternation; each figure is the median of the rounds (in brackets the quartiles), ratios are taken round by round.%n"
            .formatted(
                report.llamaCpp(),
                counted(settings.threads(), "thread"),
                counted(settings.rounds(), "round")));
    text.append(
        "%s, %s, %s; %s.%n"
            .formatted(
                report.machine().cpu(),
                counted(report.machine().processors(), "processor"),
                report.machine().system(),
                report.started()));
    report.models().forEach(model -> append(text, model));
    if (report.upload() != null) {
      append(text, report.upload());
    }
    return text.toString();
  }

  private static void append(StringBuilder text, ModelReport model) {
    text.append(
        "%n### %s%n%n%s, %s, %s parameters%n"
            .formatted(
                model.file(),
                model.type(),
                ByteSize.format(model.bytes()),
                String.format(Locale.ROOT, "%.2f billion", model.parameters() / 1e9)));
    var first = model.endpoints().getFirst().name();
    text.append(
        "%n| test | endpoint | tokens/s | ratio to %s | CPU ms/token | bytes/token | round trips/token |%n|---|---|--:|--:|--:|--:|--:|%n"
            .formatted(first));
    var tests =
        model.endpoints().stream()
            .flatMap(endpoint -> endpoint.tests().stream())
            .map(TestReport::name)
            .distinct()
            .toList();
    for (var test : tests) {
      for (var endpoint : model.endpoints()) {
        endpoint.tests().stream()
            .filter(made -> made.name().equals(test))
            .forEach(made -> text.append(row(endpoint, made)));
      }
    }
    text.append("%n| endpoint | load, seconds |%n|---|--:|%n".formatted());
    for (var endpoint : model.endpoints()) {
      var load = endpoint.loadSeconds();
      text.append(
          "| %s | %s |%n".formatted(endpoint.name(), load == null ? NOTHING : spread(load, 1)));
    }
  }

  private static String row(EndpointReport endpoint, TestReport test) {
    return "| %s | %s | %s | %s | %s | %s | %s |%n"
        .formatted(
            test.name(),
            endpoint.name(),
            spread(test.tokensPerSecond(), 1),
            spread(test.ratio(), 1),
            cpu(test.cpuSecondsPerToken()),
            number(test.bytesPerToken(), "%,.0f"),
            number(test.roundTripsPerToken(), "%.3g"));
  }

  private static void append(StringBuilder text, UploadReport upload) {
    text.append(
        "%n### SET_TENSOR, messages of %s%n%n| endpoint | GB/s | ratio to %s |%n|---|--:|--:|%n"
            .formatted(
                ByteSize.format(upload.messageBytes()), upload.endpoints().getFirst().name()));
    for (var endpoint : upload.endpoints()) {
      text.append(
          "| %s | %s | %s |%n"
              .formatted(
                  endpoint.name(),
                  spread(endpoint.bytesPerSecond(), 1e9),
                  spread(endpoint.ratio(), 1)));
    }
  }

  private static String spread(Series series, double unit) {
    return "%s (%s to %s)"
        .formatted(
            significant(series.median() / unit),
            significant(series.q1() / unit),
            significant(series.q3() / unit));
  }

  /** Three digits that mean something, or all before the point; without an exponent. */
  static String significant(double value) {
    double size = new BigDecimal(value).round(new MathContext(3)).abs().doubleValue();
    int decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  private static String cpu(@Nullable List<Double> secondsPerToken) {
    return secondsPerToken == null
        ? NOTHING
        : secondsPerToken.stream()
            .map(seconds -> significant(1000 * seconds))
            .collect(Collectors.joining(", "));
  }

  private static String number(@Nullable Double value, String format) {
    return value == null ? NOTHING : String.format(Locale.ROOT, format, value);
  }

  private static String counted(int count, String noun) {
    return count + " " + noun + (count == 1 ? "" : "s");
  }
}
