// SPDX-License-Identifier: Apache-2.0
package dev.knarr.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;

/** Drops what this machine, as the node, forwards to the RPC port of a pod; until it is closed. */
final class DroppedPackets implements AutoCloseable {
  private DroppedPackets() {}

  static DroppedPackets to(String podAddress) throws IOException, InterruptedException {
    nft(
        """
        table ip knarr_e2e {
          chain dropped {
            type filter hook forward priority 0;
            ip daddr %s tcp dport 50052 drop
          }
        }
        """
            .formatted(podAddress));
    return new DroppedPackets();
  }

  @Override
  public void close() throws IOException, InterruptedException {
    nft("delete table ip knarr_e2e");
  }

  private static void nft(String rules) throws IOException, InterruptedException {
    var process =
        new ProcessBuilder("nft", "-f", "-")
            .inheritIO()
            .redirectInput(ProcessBuilder.Redirect.PIPE)
            .start();
    try (var input = process.outputWriter()) {
      input.write(rules);
    }
    assertThat(process.waitFor()).as("nft's exit status").isZero();
  }
}
