// SPDX-License-Identifier: Apache-2.0
package dev.knarr.plan;

import dev.knarr.gguf.GgufBytes;
import dev.knarr.gguf.GgufFile;
import java.nio.file.Path;
import java.util.function.IntFunction;
import java.util.function.UnaryOperator;

/** Headers of models with chosen shapes; no data behind them but zeros. */
final class Models {
  private static final int F16 = 1;

  private Models() {}

  /**
   * A model whose layers have one matrix of {@code rows} rows of 256 f16 elements each, an
   * embedding and an output of 64 rows.
   *
   * @param keys how many keys {@code metadata} writes
   * @param tensor the name of a layer's matrix
   */
  static GgufFile layered(
      Path file,
      String architecture,
      int layers,
      int rows,
      int keys,
      UnaryOperator<GgufBytes> metadata,
      IntFunction<String> tensor) {
    var bytes = metadata.apply(GgufBytes.header(3, layers + 3L, keys + 3L));
    bytes.keyText("general.architecture", architecture);
    bytes.keyU32(architecture + ".block_count", layers);
    bytes.keyU32(architecture + ".embedding_length", 256);
    for (int i = 0; i < layers; i++) {
      bytes.tensor("blk." + i + "." + tensor.apply(i) + ".weight", F16, 0, 256, rows);
    }
    bytes.tensor("token_embd.weight", F16, 0, 256, 64);
    bytes.tensor("output.weight", F16, 0, 256, 64);
    bytes.tensor("output_norm.weight", 0, 0, 256);
    return GgufFile.open(bytes.data(256 * 2 * Math.max(rows, 64)).write(file));
  }
}
