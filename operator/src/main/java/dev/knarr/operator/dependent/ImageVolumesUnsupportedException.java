// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import dev.knarr.api.v1alpha1.ConditionReason;

/** The API server drops volumes made of images, without a word. Nothing was written. */
public final class ImageVolumesUnsupportedException extends RefusedException {
  private static final long serialVersionUID = 1L;

  ImageVolumesUnsupportedException() {
    super(
        ConditionReason.IMAGE_VOLUMES_UNSUPPORTED,
        "This Kubernetes has no volumes made of images: its feature gate ImageVolume is off, as it is by default before 1.35. Switch it on for API server and kubelets, or use the source claim, http or huggingFace.",
        null);
  }
}
