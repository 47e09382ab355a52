// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import dev.knarr.gguf.GgufFile;
import dev.knarr.gguf.GgufMetadata;
import java.util.BitSet;
import java.util.List;
import java.util.regex.Pattern;

/**
 * The numbers of a model's header that sizes depend on, by layer where they differ by layer.
 * Defaults are those of llama.cpp's {@code load_hparams}. Immutable.
 */
final class ModelShape {
  /** No model has more; guards the arrays below. */
  private static final long MAX_LAYERS = 4096;

  /** Over every length a model has; products of two still fit a long. */
  private static final long MAX_NUMBER = 1L << 26;

  /** Tensors that tell what a layer is: keys of attention, a recurrent state, an indexer. */
  private static final Pattern LAYER_TENSOR =
      Pattern.compile(
          "(?:dec\\.)?blk\\.(\\d{1,4})\\.(?:(attn_(?:k|qkv|kv).*)|((?:ssm|shortconv|time_mix).*)|(indexer.*)).*");

  private final GgufFile file;
  private final GgufMetadata metadata;
  private final String architecture;
  private final int layers;
  private final BitSet attentionTensors = new BitSet();
  private final BitSet keyTensors = new BitSet();
  private final BitSet recurrentTensors = new BitSet();
  private final BitSet indexerTensors = new BitSet();

  ModelShape(GgufFile file) {
    this.file = file;
    this.metadata = file.metadata();
    this.architecture = file.architecture();
    long count = required("block_count");
    if (count > MAX_LAYERS) {
      throw unusable("block_count", count);
    }
    this.layers = (int) count;
    for (var tensor : file.tensors()) {
      var matcher = LAYER_TENSOR.matcher(tensor.name());
      if (matcher.matches()) {
        int layer = Integer.parseInt(matcher.group(1));
        attentionTensors.set(layer, attentionTensors.get(layer) || matcher.group(2) != null);
        keyTensors.set(layer, keyTensors.get(layer) || "attn_k.weight".equals(matcher.group(2)));
        recurrentTensors.set(layer, recurrentTensors.get(layer) || matcher.group(3) != null);
        indexerTensors.set(layer, indexerTensors.get(layer) || matcher.group(4) != null);
      }
    }
  }

  String architecture() {
    return architecture;
  }

  int layers() {
    return layers;
  }

  /** Layers that predict further tokens and keep no cache of the main context. */
  int nextLayers() {
    return (int) Math.min(number("nextn_predict_layers", 0), layers);
  }

  long embedding() {
    return required("embedding_length");
  }

  long trainedContext() {
    return number("context_length", 0);
  }

  /** Tokens of the vocabulary: by the embedding's shape, which the key need not agree with. */
  long vocabulary() {
    return file.tensor("token_embd.weight")
        .filter(tensor -> tensor.shape().size() > 1)
        .map(tensor -> tensor.shape().get(1))
        .orElseGet(() -> number("vocab_size", 0));
  }

  long heads(int layer) {
    return perLayer("attention.head_count", layer, 0);
  }

  long keyValueHeads(int layer) {
    return perLayer("attention.head_count_kv", layer, heads(layer));
  }

  long maxHeads() {
    long max = 0;
    for (int i = 0; i < layers; i++) {
      max = Math.max(max, heads(i));
    }
    return max;
  }

  private long headLength() {
    long heads = Math.max(1, maxHeads());
    return embedding() / heads;
  }

  long keyLength(boolean window) {
    long length = number("attention.key_length", headLength());
    return window ? number("attention.key_length_swa", length) : length;
  }

  long valueLength(boolean window) {
    long length = number("attention.value_length", headLength());
    return window ? number("attention.value_length_swa", length) : length;
  }

  /** Multi-head latent attention keeps one compressed row instead of keys and values. */
  boolean latentAttention() {
    return number("attention.key_length_mla", 0) > 0 && number("attention.value_length_mla", 0) > 0;
  }

  /**
   * Whether a layer has keys to be kept. A recurrent layer may have a matrix for keys among others
   * ({@code attn_qkv}) and keep none; only one with a matrix for keys alone does both.
   */
  boolean attention(int layer) {
    return recurrent(layer) ? keyTensors.get(layer) : attentionTensors.get(layer);
  }

  /** Whether a layer has a state that does not grow: said by the header, or seen in its tensors. */
  boolean recurrent(int layer) {
    var said = metadata.integers(architecture + ".attention.recurrent_layers");
    return said.isPresent()
        ? layer < said.get().size() && said.get().get(layer) != 0
        : recurrentTensors.get(layer);
  }

  boolean indexer(int layer) {
    return indexerKeyLength() > 0 && indexerTensors.get(layer);
  }

  long indexerKeyLength() {
    return number("attention.indexer.key_length", 0);
  }

  /** Layers at the end that read the cache of earlier ones. */
  int sharedCacheLayers() {
    if (architecture.equals("gemma3n")) {
      return Math.max(0, layers - 20);
    }
    return (int) Math.min(number("attention.shared_kv_layers", 0), layers);
  }

  long feedForward() {
    long max = 0;
    for (int i = 0; i < layers; i++) {
      max = Math.max(max, perLayer("feed_forward_length", i, 0));
    }
    return max;
  }

  long expertsUsed() {
    return number("expert_used_count", 0);
  }

  long expertFeedForward() {
    return number("expert_feed_forward_length", feedForward());
  }

  long slidingWindow() {
    return number("attention.sliding_window", 0);
  }

  /**
   * The pattern in the header: empty when there is none, one number (period) or one flag per layer.
   */
  List<Long> slidingPattern() {
    var key = architecture + ".attention.sliding_window_pattern";
    return metadata
        .integers(key)
        .orElseGet(
            () -> {
              var period = metadata.integer(key);
              return period.isPresent() ? List.of(period.getAsLong()) : List.of();
            });
  }

  /** A number of this architecture's section; absent keys take the default. */
  long number(String key, long defaultValue) {
    long value = metadata.integer(architecture + "." + key).orElse(defaultValue);
    if (value < 0 || value > MAX_NUMBER) {
      throw unusable(key, value);
    }
    return value;
  }

  private long required(String key) {
    if (metadata.integer(architecture + "." + key).isEmpty()) {
      throw file.unusable(
          "The header has no number %s.%s.".formatted(architecture, key),
          "Convert the model again with a current llama.cpp.");
    }
    long value = number(key, 0);
    if (value < 1) {
      throw unusable(key, value);
    }
    return value;
  }

  private long perLayer(String key, int layer, long defaultValue) {
    var list = metadata.integers(architecture + "." + key);
    if (list.isEmpty()) {
      return number(key, defaultValue);
    }
    if (layer >= list.get().size()) {
      return defaultValue;
    }
    long value = list.get().get(layer);
    if (value < 0 || value > MAX_NUMBER) {
      throw unusable(key, value);
    }
    return value;
  }

  private RuntimeException unusable(String key, long value) {
    return file.unusable(
        "The header's %s.%s is %,d, which no model has.".formatted(architecture, key, value),
        "The file is damaged: fetch it again.");
  }
}
