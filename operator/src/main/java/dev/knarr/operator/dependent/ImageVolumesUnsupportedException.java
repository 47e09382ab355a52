// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ConditionReason;

/** The API server drops volumes made of images, without a word. Nothing was written. */
public final class ImageVolumesUnsupportedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  ImageVolumesUnsupportedException() {
    super(
        "This Kubernetes has no volumes made of images: its feature gate ImageVolume is off, as it is by default before 1.35. Switch it on for API server and kubelets, or use the source claim, http or huggingFace.");
  }

  /** What is wrong and what to do. */
  public String sentence() {
    return String.valueOf(getMessage());
  }

  /** Always the same. */
  public ConditionReason reason() {
    return ConditionReason.IMAGE_VOLUMES_UNSUPPORTED;
  }
}
