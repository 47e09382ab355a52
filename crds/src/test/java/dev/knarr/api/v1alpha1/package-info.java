// SPDX-License-Identifier: Apache-2.0
/** Tests of the API. */
@NullMarked
package dev.knarr.api.v1alpha1;

import org.jspecify.annotations.NullMarked;
