// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.local.OptionException;
import dev.knarr.rpc.transport.TlsFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;

/**
 * What is compared, and how long. Immutable.
 *
 * @param models files to measure, one after the other
 * @param endpoints the sides; ratios are to the first
 * @param prompt tokens of the prompt test, 0 for none
 * @param generate tokens of the generation test, 0 for none
 * @param repeat runs of each test in one round, whose mean counts
 * @param rounds that count, after one that does not
 * @param threads of llama-bench and of each worker started here
 * @param devices of ggml that workers started here offer, and that {@code local} computes on
 * @param uploadBytes size of the SET_TENSOR messages to measure; empty for none
 * @param tls what endpoints behind {@code tls} are spoken to with; empty where there is none
 * @param llamaBench more arguments of llama-bench
 */
public record BenchOptions(
    List<Path> models,
    List<EndpointSpec> endpoints,
    int prompt,
    int generate,
    int repeat,
    int rounds,
    int threads,
    List<String> devices,
    OptionalLong uploadBytes,
    Optional<TlsFiles> tls,
    List<String> llamaBench) {
  /** What this command tells llama-bench itself. */
  private static final Set<String> OWN =
      Set.of(
          "-m",
          "--model",
          "-p",
          "--n-prompt",
          "-n",
          "--n-gen",
          "-pg",
          "-r",
          "--repetitions",
          "-t",
          "--threads",
          "-o",
          "--output",
          "-dev",
          "--device",
          "-rpc",
          "--rpc");

  /**
   * Checks what can be checked before anything is started.
   *
   * @throws OptionException where something cannot be
   */
  public BenchOptions {
    models = List.copyOf(models);
    endpoints = List.copyOf(endpoints);
    devices = List.copyOf(devices);
    llamaBench = List.copyOf(llamaBench);
    requireWithin("--prompt", prompt, 0, 1 << 20);
    requireWithin("--generate", generate, 0, 1 << 20);
    requireWithin("--repeat", repeat, 1, 1000);
    requireWithin("--rounds", rounds, 1, 1000);
    requireWithin("--threads", threads, 1, 512);
    for (var option : llamaBench) {
      if (OWN.contains(option)) {
        throw new OptionException(
            "%s of llama-bench is not to be given behind --: knarr bench has an option of its own for that."
                .formatted(option));
      }
    }
    if (!llamaBench.isEmpty() && !llamaBench.getFirst().startsWith("-")) {
      throw new OptionException(
          "'%s' is no option of llama-bench: a model is named with --model."
              .formatted(llamaBench.getFirst()));
    }
    if (models.isEmpty() && uploadBytes.isEmpty()) {
      throw new OptionException(
          "There is nothing to measure: name a model with --model or --synthetic, or messages with --upload.");
    }
    if (!models.isEmpty() && prompt == 0 && generate == 0) {
      throw new OptionException("--prompt and --generate are both 0: one of them must be more.");
    }
    for (var model : models) {
      if (!Files.isRegularFile(model)) {
        throw new OptionException("The model %s does not exist: correct --model.".formatted(model));
      }
    }
    if (endpoints.isEmpty()) {
      throw new OptionException("There is nothing to compare: name --endpoint or --compare.");
    }
    var names = new HashSet<String>();
    for (var endpoint : endpoints) {
      if (!names.add(endpoint.name())) {
        throw new OptionException(
            "Two endpoints are called %s: put a name in front of one, such as other=…"
                .formatted(endpoint.name()));
      }
    }
    // Four bytes make an element, and ggml's tensors have at most 2^31 - 1 of them in a row.
    if (uploadBytes.isPresent()
        && (uploadBytes.getAsLong() < 4096 || uploadBytes.getAsLong() > 4L << 30)) {
      throw new OptionException("--upload takes 4Ki to 4Gi.");
    }
  }

  private static void requireWithin(String option, int value, int least, int most) {
    if (value < least || value > most) {
      throw new OptionException("%s is %d: give %d to %d.".formatted(option, value, least, most));
    }
  }
}
