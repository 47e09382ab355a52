// SPDX-License-Identifier: Apache-2.0
package dev.knarr.cli.bench;

import dev.knarr.cli.local.OptionException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The shape of a model of the {@code llama} family whose weights do not matter. Immutable.
 *
 * @param name such as {@code llama-7b-8l}
 * @param width elements of an activation, n_embd
 * @param feedForward elements inside the feed-forward block
 * @param heads of attention
 * @param keyValueHeads of them with keys and values of their own
 * @param layers how many
 * @param vocabulary tokens
 */
record SyntheticShape(
    String name,
    int width,
    int feedForward,
    int heads,
    int keyValueHeads,
    int layers,
    int vocabulary) {
  private static final Pattern NAME = Pattern.compile("(llama-\\d+[bm])(?:-(\\d{1,3})l)?");

  /** As the published models of these names have them. */
  private static final Map<String, SyntheticShape> KNOWN =
      Map.of(
          "llama-160m", new SyntheticShape("llama-160m", 768, 3072, 12, 12, 12, 32000),
          "llama-1b", new SyntheticShape("llama-1b", 2048, 5632, 32, 4, 22, 32000),
          "llama-7b", new SyntheticShape("llama-7b", 4096, 11008, 32, 32, 32, 32000),
          "llama-13b", new SyntheticShape("llama-13b", 5120, 13824, 40, 40, 40, 32000));

  /** A tensor: its rows have {@code ne0} elements; vectors are F32, matrices F16. */
  record Tensor(String name, int ne0, int rows) {
    boolean isVector() {
      return rows == 1;
    }

    long elements() {
      return (long) ne0 * rows;
    }

    long bytes() {
      return elements() * (isVector() ? 4 : 2);
    }
  }

  /**
   * A known shape, or one with fewer or more of its layers.
   *
   * @throws OptionException where there is none of that name
   */
  static SyntheticShape of(String name) {
    var matcher = NAME.matcher(name);
    var shape = matcher.matches() ? KNOWN.get(matcher.group(1)) : null;
    if (shape == null) {
      throw new OptionException(
          "There is no shape '%s' for --synthetic: take %s, with another number of layers behind it where you like, such as llama-7b-8l."
              .formatted(name, String.join(", ", KNOWN.keySet().stream().sorted().toList())));
    }
    var layers = matcher.group(2);
    if (layers == null) {
      return shape;
    }
    if (Integer.parseInt(layers) == 0) {
      throw new OptionException("--synthetic %s: a model has at least one layer.".formatted(name));
    }
    return new SyntheticShape(
        name,
        shape.width,
        shape.feedForward,
        shape.heads,
        shape.keyValueHeads,
        Integer.parseInt(layers),
        shape.vocabulary);
  }

  /** All tensors, under the names that llama.cpp knows. */
  List<Tensor> tensors() {
    int keyValueWidth = width / heads * keyValueHeads;
    var tensors = new ArrayList<Tensor>();
    tensors.add(new Tensor("token_embd.weight", width, vocabulary));
    tensors.add(new Tensor("output_norm.weight", width, 1));
    tensors.add(new Tensor("output.weight", width, vocabulary));
    for (int layer = 0; layer < layers; layer++) {
      var block = "blk." + layer + ".";
      tensors.add(new Tensor(block + "attn_norm.weight", width, 1));
      tensors.add(new Tensor(block + "attn_q.weight", width, width));
      tensors.add(new Tensor(block + "attn_k.weight", width, keyValueWidth));
      tensors.add(new Tensor(block + "attn_v.weight", width, keyValueWidth));
      tensors.add(new Tensor(block + "attn_output.weight", width, width));
      tensors.add(new Tensor(block + "ffn_norm.weight", width, 1));
      tensors.add(new Tensor(block + "ffn_gate.weight", width, feedForward));
      tensors.add(new Tensor(block + "ffn_up.weight", width, feedForward));
      tensors.add(new Tensor(block + "ffn_down.weight", feedForward, width));
    }
    return List.copyOf(tensors);
  }

  /** Bytes of all tensors as they are written. */
  long bytes() {
    return tensors().stream().mapToLong(Tensor::bytes).sum();
  }
}
