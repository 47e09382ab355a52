// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import dev.knarr.gguf.GgufFile;
import dev.knarr.gguf.GgufTensor;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What llama.cpp allocates for a model and a context, by layer. Weights and caches are exact for
 * the architectures llama.cpp 0.7.0 was compared with; compute buffers are an upper estimate of
 * what it reserves for a batch of 512 tokens. Immutable.
 */
public final class MemoryEstimate {
  /**
   * One layer of the model.
   *
   * @param weightsBytes its tensors
   * @param kvBytes what it keeps for all sequences: keys and values, or a recurrent state
   */
  public record LayerMemory(long weightsBytes, long kvBytes) {
    /** Both together. */
    public long bytes() {
      return weightsBytes + kvBytes;
    }
  }

  private static final Pattern LAYER = Pattern.compile("(?:enc\\.|dec\\.)?blk\\.(\\d{1,5})\\..*");

  /** Tensors that hold all experts of a layer, of which a token uses a few. */
  private static final Pattern EXPERTS = Pattern.compile(".*_exps\\..*");

  private static final Pattern INPUT =
      Pattern.compile(
          "(token_embd|position_embd|token_types|token_embd_norm|per_layer_token_embd)\\..*");

  /** Tensors outside of the layers that every device with layers gets a copy of. */
  private static final Pattern EVERYWHERE =
      Pattern.compile("(rope_freqs|rope_factors_long|rope_factors_short)\\..*");

  /** The largest alignment of a tensor among ggml's backends. */
  private static final long TENSOR_ALIGNMENT = 128;

  private final GgufFile file;
  private final ContextOptions options;
  private final ModelShape shape;
  private final CacheLayout cache;
  private final ComputeEstimate compute;
  private final List<LayerMemory> layers;
  private final long outputBytes;
  private final long inputBytes;
  private final long sharedBytes;

  private MemoryEstimate(GgufFile file, ContextOptions options) {
    this.file = file;
    this.options = options;
    this.shape = new ModelShape(file);
    this.cache = new CacheLayout(shape, options);
    this.compute = new ComputeEstimate(shape, cache, options);
    var weights = new long[shape.layers()];
    long output = 0;
    long input = 0;
    long shared = 0;
    for (var tensor : file.tensors()) {
      var layer = LAYER.matcher(tensor.name());
      if (layer.matches()) {
        int number = Integer.parseInt(layer.group(1));
        if (number >= weights.length) {
          throw file.unusable(
              "The tensor '%s' is of a layer that the model, with %d, does not have."
                  .formatted(tensor.name(), weights.length),
              "The file is damaged: fetch it again.");
        }
        weights[number] += padded(tensor);
      } else if (INPUT.matcher(tensor.name()).matches()) {
        input += padded(tensor);
      } else if (EVERYWHERE.matcher(tensor.name()).matches()) {
        shared += padded(tensor);
      } else {
        output += padded(tensor);
      }
    }
    this.inputBytes = input;
    this.sharedBytes = shared;
    this.outputBytes = output + tiedOutput();
    var list = new ArrayList<LayerMemory>(weights.length);
    for (int i = 0; i < weights.length; i++) {
      list.add(new LayerMemory(weights[i], cache.bytes(i)));
    }
    this.layers = List.copyOf(list);
  }

  /**
   * Estimates a model with a context.
   *
   * @throws dev.knarr.gguf.GgufException when the header lacks a number that is needed, or has one
   *     that no model has
   */
  public static MemoryEstimate of(GgufFile file, ContextOptions options) {
    try {
      return new MemoryEstimate(file, options);
    } catch (ArithmeticException _) {
      throw file.unusable(
          "The sizes in the header are no 64-bit numbers.", "The file is damaged: fetch it again.");
    }
  }

  /** The same model with another context. */
  public MemoryEstimate with(ContextOptions other) {
    return of(file, other);
  }

  private static long padded(GgufTensor tensor) {
    return Math.addExact(Math.ceilDiv(tensor.bytes(), TENSOR_ALIGNMENT) * TENSOR_ALIGNMENT, 0);
  }

  /** A model without an output matrix uses its embedding, which then is loaded a second time. */
  private long tiedOutput() {
    boolean embedsOnly = shape.architecture().contains("bert");
    return file.tensor("output.weight").isPresent() || embedsOnly
        ? 0
        : file.tensor("token_embd.weight").map(MemoryEstimate::padded).orElse(0L);
  }

  /** The header the figures come from. */
  public GgufFile file() {
    return file;
  }

  /** What was asked for. */
  public ContextOptions options() {
    return options;
  }

  /** The architecture, such as {@code llama}. */
  public String architecture() {
    return shape.architecture();
  }

  /** The model's own name; its file's name where it has none. */
  public String modelName() {
    return file.metadata()
        .text("general.name")
        .orElseGet(() -> String.valueOf(file.parts().getFirst().getFileName()));
  }

  /** The layers, in order; llama.cpp counts the output as one more. */
  public List<LayerMemory> layers() {
    return layers;
  }

  /** Tokens one sequence may have: what was asked for, or the model's. */
  public long contextLength() {
    return options.contextLength() == 0
        ? (shape.trainedContext() == 0 ? cache.cells() : shape.trainedContext())
        : options.contextLength();
  }

  /** Tokens one sequence may have by the model's training; 0 when it does not say. */
  public long trainedContextLength() {
    return shape.trainedContext();
  }

  /** Cells of the cache llama.cpp makes for each sequence: the context rounded up to 256. */
  public long cellsPerSequence() {
    return cache.cells();
  }

  /** The output layer, on the device that has the last position. */
  public long outputBytes() {
    return outputBytes;
  }

  /** The input embedding, which stays in the memory of llama-server itself. */
  public long inputBytes() {
    return inputBytes;
  }

  /** Tensors every device with layers gets a copy of. */
  public long sharedBytes() {
    return sharedBytes;
  }

  /** All weights on devices, once. */
  public long weightsBytes() {
    return layers.stream().mapToLong(LayerMemory::weightsBytes).sum() + outputBytes + sharedBytes;
  }

  /** The cache of all layers. */
  public long kvBytes() {
    return layers.stream().mapToLong(LayerMemory::kvBytes).sum();
  }

  /**
   * An upper estimate of the compute buffer of one device.
   *
   * @param first whether it holds the first layer, which takes the input
   * @param output whether it holds the output layer
   * @param devices how many devices llama-server uses: from two on it keeps four copies of every
   *     input, so that prompts flow through them as through a pipeline
   */
  public long computeBytes(boolean first, boolean output, int devices) {
    return compute.bytes(first, output, devices);
  }

  /**
   * An upper estimate of the compute buffer of a device with the output layer alone: it sees no
   * more than the rows that become logits, one of each sequence.
   */
  public long outputComputeBytes() {
    return compute.outputBytes();
  }

  /** Whether some layers look at a window of the last tokens only, and so can keep less. */
  public boolean slidingWindow() {
    return cache.windowCells() > 0;
  }

  /** Tokens that a sliding window lets a prompt go back without being processed again. */
  long rewindTokens() {
    return Math.max(0, cache.windowCells() - shape.slidingWindow());
  }

  /** Weights that one token reads; of a mixture of experts those that it uses. */
  long activeWeightsBytes() {
    long experts =
        file.tensors().stream()
            .filter(tensor -> EXPERTS.matcher(tensor.name()).matches())
            .mapToLong(MemoryEstimate::padded)
            .sum();
    long count = Math.max(1, shape.number("expert_count", 1));
    long used = Math.min(count, Math.max(1, shape.expertsUsed()));
    return weightsBytes() - experts + Math.round((double) experts / count * used);
  }

  /**
   * What decides what crosses the wire.
   *
   * @param tokens how many of its context a sequence has filled
   */
  public WireShape wireShape(long tokens) {
    long step = CacheLayout.CELL_STEP;
    long cells = Math.min(cache.cells(), Math.ceilDiv(Math.max(1, tokens), step) * step);
    return new WireShape(
        shape.embedding(), shape.vocabulary(), cells, Math.min(cells, cache.windowCells()));
  }
}
