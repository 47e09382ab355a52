// SPDX-License-Identifier: Apache-2.0
package dev.knarr.gguf;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.knarr.plan.ContextOptions;
import dev.knarr.plan.MemoryEstimate;
import java.io.IOException;
import java.nio.file.Files;

/** Whatever a file holds, the reader and the estimate answer or throw {@link GgufException}. */
class GgufFuzzTest {
  @FuzzTest(maxDuration = "1m")
  void whenAFileHoldsAnything_thenOnlyATypedFaultIsThrown(byte[] content) throws IOException {
    var file = Files.createTempFile("fuzz", ".gguf");
    try {
      var bytes = content.clone();
      if (bytes.length >= 8) {
        System.arraycopy("GGUF".getBytes(US_ASCII), 0, bytes, 0, 4);
      }
      Files.write(file, bytes);
      MemoryEstimate.of(GgufFile.open(file), ContextOptions.DEFAULTS);
    } catch (GgufException _) {
      // the only acceptable failure
    } finally {
      Files.delete(file);
    }
  }
}
