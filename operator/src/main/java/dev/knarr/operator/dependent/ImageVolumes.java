// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.dependent;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.PodTemplateSpec;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.apps.StatefulSet;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;

/**
 * Whether the API server keeps volumes made of images. Where its gate is closed it leaves them and
 * their mounts out of what is stored, and pods would start without their model.
 */
final class ImageVolumes {
  private ImageVolumes() {}

  /**
   * Tries an object that has such volumes, without writing it.
   *
   * @throws ImageVolumesUnsupportedException when they do not come back
   */
  static void require(KubernetesClient client, HasMetadata desired, PatchContext apply) {
    long wanted = count(desired);
    if (wanted > 0) {
      var tried = client.resource(desired).dryRun().patch(apply);
      if (count(tried) < wanted) {
        throw new ImageVolumesUnsupportedException();
      }
    }
  }

  private static long count(HasMetadata object) {
    return switch (object) {
      case Job job -> count(job.getSpec().getTemplate());
      case StatefulSet workers -> count(workers.getSpec().getTemplate());
      case Deployment head -> count(head.getSpec().getTemplate());
      default -> 0;
    };
  }

  private static long count(PodTemplateSpec template) {
    return template.getSpec().getVolumes().stream()
        .filter(volume -> volume.getImage() != null)
        .count();
  }
}
