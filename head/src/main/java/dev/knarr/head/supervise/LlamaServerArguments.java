// SPDX-License-Identifier: Apache-2.0
package dev.knarr.head.supervise;

import dev.knarr.head.api.HeadConfig;
import dev.knarr.head.api.HeadException;
import dev.knarr.head.api.HeadReason;
import dev.knarr.head.gateway.Upstream;
import dev.knarr.plan.SplitPlan;
import dev.knarr.plan.Wishes;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The arguments of llama-server: those the plan sets, then the user's. Pure functions; immutable.
 */
final class LlamaServerArguments {

  /**
   * Options that a user cannot give, with the field that says the same thing to Knarr. Names and
   * aliases are those of llama.cpp 0.7.0.
   */
  private static final Map<String, String> RESERVED = new LinkedHashMap<>();

  static {
    reserve("the workers", "--rpc");
    reserve("the plan", "-ngl", "--gpu-layers", "--n-gpu-layers");
    reserve("the plan (spec.split)", "-dev", "--device", "-ts", "--tensor-split");
    reserve("spec.split.mode", "-sm", "--split-mode");
    reserve("the plan", "-mg", "--main-gpu", "-fit", "--fit", "-fitt", "--fit-target");
    reserve("the plan", "-fitc", "--fit-ctx");
    reserve("the plan: it turns pipelining off", "-ot", "--override-tensor");
    reserve("spec.model.contextLength", "-c", "--ctx-size");
    reserve("spec.model.parallelSequences", "-np", "--parallel");
    reserve(
        "spec.model.contextLength, which is for each sequence",
        "-kvu",
        "--kv-unified",
        "-no-kvu",
        "--no-kv-unified",
        "--kv-unified-per-slot");
    reserve("spec.model.kvCache", "-ctk", "--cache-type-k", "-ctv", "--cache-type-v");
    reserve("spec.model.flashAttention", "-fa", "--flash-attn");
    reserve("spec.model.source", "-m", "--model", "-mu", "--model-url", "-hf", "-hfr", "--hf-repo");
    reserve("spec.model.source", "-hff", "--hf-file", "-dr", "--docker-repo");
    reserve("spec.model.name", "-a", "--alias");
    reserve("spec.model.draft", "-md", "--model-draft", "--spec-draft-model");
    reserve("spec.model.projector", "-mm", "--mmproj", "-mmu", "--mmproj-url");
    reserve("the endpoint of the head", "--host", "--port", "--reuse-port", "--api-prefix");
    reserve("the endpoint of the head", "--ssl-key-file", "--ssl-cert-file");
    reserve("spec.head.apiKeySecretRef", "--api-key", "--api-key-file");
    reserve("the head, which reads it", "--metrics", "--slots", "--no-slots");
    reserve("the head: it would pull the cache over the network", "-cram", "--cache-ram");
    reserve(
        "the head: it would pull the cache over the network",
        "-ctxcp",
        "--ctx-checkpoints",
        "--swa-checkpoints");
    reserve("the head", "--list-devices", "--help", "-h", "--version");
    reserve("the head: one model is served", "--models-dir", "--models-preset");
  }

  private LlamaServerArguments() {}

  /**
   * What the supervisor has decided.
   *
   * @param servers addresses of the router, or of the relays in the order of the workers
   * @param deviceOrder positions of the used devices among those that llama-server sees, in the
   *     order of the layers
   * @param own llama-server's own devices before and after them
   * @param tensorSplit for each used device how many layers it holds, the output counted as one
   * @param contextLength tokens of one sequence
   * @param flags for what else the plan has chosen
   * @param port the port to listen on, behind the endpoint
   */
  record Decision(
      List<String> servers,
      List<Integer> deviceOrder,
      HeadDevice.AtEnds own,
      List<Integer> tensorSplit,
      int contextLength,
      List<String> flags,
      int port) {}

  /**
   * Returns the arguments that make llama-server list the devices behind these addresses and end.
   */
  static List<String> listDevices(List<String> servers) {
    return List.of("--rpc", String.join(",", servers), "--list-devices");
  }

  /** Returns all arguments of a llama-server that serves. */
  static List<String> serve(HeadConfig config, Decision decision) {
    refuseContradictions(config.llamaServer().arguments());
    HeadConfig.Context context = config.context();
    long allTokens =
        Math.multiplyExact((long) decision.contextLength(), context.parallelSequences());
    String flashAttention = context.flashAttention().name().toLowerCase(Locale.ROOT);
    List<String> devices = new ArrayList<>(decision.own().first());
    decision.deviceOrder().forEach(i -> devices.add("RPC" + i));
    devices.addAll(decision.own().last());
    String threads = String.valueOf(config.llamaServer().threads());

    List<String> arguments = new ArrayList<>();
    add(arguments, "--rpc", String.join(",", decision.servers()));
    add(arguments, "-ngl", "all", "--device", String.join(",", devices));
    add(arguments, "--split-mode", config.split().mode().name().toLowerCase(Locale.ROOT));
    add(arguments, "--tensor-split", joined(decision.tensorSplit()), "--fit", "off");
    // Both defaults would pull the cache of a whole slot over the network.
    add(arguments, "--cache-ram", "0", "--ctx-checkpoints", "0");
    arguments.addAll(decision.flags());
    add(arguments, "--host", Upstream.HOST, "--port", String.valueOf(decision.port()));
    add(arguments, "-c", String.valueOf(allTokens));
    add(arguments, "-np", String.valueOf(context.parallelSequences()), "--no-kv-unified");
    add(arguments, "-fa", flashAttention, "-ctk", context.keyType(), "-ctv", context.valueType());
    add(arguments, "--threads", threads, "--threads-batch", threads);
    add(arguments, "--metrics", "--slots", "--log-colors", "off");
    add(arguments, "--alias", config.model().name(), "-m", config.model().path().toString());
    Path draft = config.model().draftPath();
    if (draft != null) {
      add(arguments, "-md", draft.toString(), "-ngld", "all", "--spec-type", "draft-simple");
    }
    Path projector = config.model().projectorPath();
    if (projector != null) {
      add(arguments, "--mmproj", projector.toString());
    }
    arguments.addAll(Wishes.of(config.llamaServer().arguments()).rest());
    return List.copyOf(arguments);
  }

  /** Refuses arguments that would undo the plan, with the field to use instead. */
  static void refuseContradictions(List<String> userArguments) {
    for (String argument : userArguments) {
      int equals = argument.indexOf('=');
      String name = equals > 0 ? argument.substring(0, equals) : argument;
      String decidedBy = RESERVED.get(name);
      if (decidedBy != null) {
        throw new HeadException(
            HeadReason.ARGUMENT_REFUSED,
            "The argument "
                + name
                + " for llama-server cannot be given (spec.head.args): it is set by "
                + decidedBy
                + ". Take it out.");
      }
    }
  }

  /** Refuses more devices than llama-server can use, by the names of those over the limit. */
  static void refuseTooMany(List<String> deviceNames) {
    if (deviceNames.size() > SplitPlan.MAX_DEVICES) {
      throw new HeadException(
          HeadReason.TOO_MANY_DEVICES,
          "The workers offer "
              + deviceNames.size()
              + " devices and llama-server takes at most "
              + SplitPlan.MAX_DEVICES
              + "; over the limit: "
              + String.join(", ", deviceNames.subList(SplitPlan.MAX_DEVICES, deviceNames.size()))
              + ". Use fewer workers, fewer devices of each (devices.count, or --device of the worker), or name those to use in split.devices.");
    }
  }

  private static String joined(List<Integer> numbers) {
    return numbers.stream().map(String::valueOf).collect(Collectors.joining(","));
  }

  private static void add(List<String> arguments, String... more) {
    arguments.addAll(List.of(more));
  }

  private static void reserve(String decidedBy, String... options) {
    for (String option : options) {
      RESERVED.put(option, decidedBy);
    }
  }
}
